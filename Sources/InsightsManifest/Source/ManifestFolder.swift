import Glibc

/// Paths of a manifest: relative ones count from the folder that the manifest is in.
enum ManifestFolder {
    /// The folder of a manifest, absolute.
    ///
    /// - Parameter file: The manifest's path; a relative one counts from the working folder.
    static func of(_ file: String) -> String {
        let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
        return absolute(folder, in: workingFolder())
    }

    /// A path made absolute; `.` and empty steps are dropped.
    ///
    /// `..` stays: where it leads depends on symbolic links, which only the system follows rightly.
    static func absolute(_ path: String, in folder: String) -> String {
        let whole = path.hasPrefix("/") ? path : folder + "/" + path
        let steps = whole.split(separator: "/").filter { $0 != "." }
        return "/" + steps.joined(separator: "/")
    }

    private static func workingFolder() -> String {
        guard let buffer = getcwd(nil, 0) else { return "/" }
        defer { free(buffer) }
        return String(cString: buffer)
    }
}
