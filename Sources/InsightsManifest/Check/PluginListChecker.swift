import Glibc
import InsightsEngine

/// Checks `plugins`: each must be a folder with a `plugin.yaml`.
struct PluginListChecker {
    let values: ValueReader
    /// The manifest's folder, absolute.
    let folder: String

    func check(_ field: Field) {
        guard let items = values.items(field, expected: "a list of folders"), !items.isEmpty else { return }
        values.sink.warning(
            .notYet, at: values.namePlace(field), "this version checks \"plugins\" but does not load them yet",
            help: "their task modules cannot be used until a later version")
        for item in items {
            guard let text = values.text(item, expected: "the path of a folder")?.text else { continue }
            check(item, path: ManifestFolder.absolute(text, in: folder), shown: text)
        }
    }

    private func check(_ item: Field, path: String, shown: String) {
        let name = Shown.quoted(shown)
        let place = values.place(item)
        switch PluginListChecker.kind(of: path) {
        case nil: values.sink.error(.plugin, at: place, "no plugin folder \(name)", help: "looked for at \(path)")
        case S_IFDIR?:
            if PluginListChecker.kind(of: path + "/plugin.yaml") != S_IFREG {
                let help = "a plugin is a folder with a plugin.yaml in it"
                values.sink.error(.plugin, at: place, "the folder \(name) has no plugin.yaml", help: help)
            }
        default: values.sink.error(.plugin, at: place, "\(name) is no folder", help: "name the plugin's folder")
        }
    }

    /// The kind of file at a path, symbolic links followed; `nil` when there is none that can be seen.
    private static func kind(of path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }
}
