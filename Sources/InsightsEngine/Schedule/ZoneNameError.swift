/// Why a text names no time zone, and what to write instead.
package struct ZoneNameError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence without a full stop that quotes the name.
    package var message: String
    /// The way out.
    package var help: String

    /// `message`, then the help.
    package var description: String { "\(message) (\(help))" }

    /// Explains why ``Zone/named(_:)`` knows no `identifier`.
    ///
    /// - Parameter database: Where the nearest known name is looked for.
    package init(_ identifier: String, database: ZoneDatabase = .system) {
        message = "unknown time zone \"\(identifier)\""
        let names = database.names()
        if identifier.isEmpty {
            message = "an empty time zone"
            help = ZoneNameError.example
        } else if names.isEmpty {
            help = "this machine has no time zone data in \(database.directories[0]): install tzdata, or use UTC"
        } else if let name = ZoneNameError.suggestion(for: identifier, among: names) {
            help = "did you mean \"\(name)\"?"
        } else if identifier.contains(where: \.isNumber), identifier.contains(where: { "+-:".contains($0) }) {
            help =
                "an offset is no zone: name a place, such as Europe/Berlin, or use Etc/GMT-2 for two hours east of UTC"
        } else {
            help = ZoneNameError.example
        }
    }

    private static let example = "use a name of the IANA database, such as UTC, Europe/Berlin or America/New_York"

    /// The known name nearest to `identifier`: the same place (`berlin`, `New York`), or a typing mistake.
    package static func suggestion(for identifier: String, among names: [String]) -> String? {
        let wanted = place(identifier)
        if let name = names.first(where: { $0.lowercased() == wanted }) { return name }
        if let name = names.first(where: { place($0).hasSuffix("/" + wanted) }) { return name }
        return NearestName.nearest(to: wanted, among: names)
    }

    private static func place(_ name: String) -> String {
        String(name.lowercased().map { $0 == " " ? "_" : $0 })
    }
}

extension Zone {
    /// The known name nearest to a misspelt one; `nil` when none is near.
    package static func suggestion(for identifier: String) -> String? {
        ZoneNameError.suggestion(for: identifier, among: ["UTC"] + ZoneDatabase.system.names())
    }
}
