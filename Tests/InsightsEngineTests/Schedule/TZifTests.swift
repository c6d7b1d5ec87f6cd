import Foundation
import InsightsEngine
import InsightsPlugin
import Testing

/// Builds the bytes of a TZif file.
struct TZifBuilder {
    var version: UInt8 = UInt8(ascii: "2")
    var transitions: [(time: Int64, type: UInt8)] = []
    var offsets: [Int32] = [0]
    var leapSeconds = 0
    var footer: String? = ""

    var bytes: [UInt8] {
        var bytes = block(timeSize: 4)
        guard version != 0 else { return bytes }
        bytes += block(timeSize: 8)
        if let footer { bytes += Array("\n\(footer)\n".utf8) }
        return bytes
    }

    private func block(timeSize: Int) -> [UInt8] {
        var bytes = Array("TZif".utf8) + [version] + [UInt8](repeating: 0, count: 15)
        for count in [0, 0, leapSeconds, transitions.count, offsets.count, 4] { bytes += bigEndian(Int64(count), 4) }
        for transition in transitions { bytes += bigEndian(transition.time, timeSize) }
        bytes += transitions.map(\.type)
        for offset in offsets { bytes += bigEndian(Int64(offset), 4) + [0, 0] }
        bytes += Array("ABC\0".utf8)
        return bytes + [UInt8](repeating: 0, count: leapSeconds * (timeSize + 4))
    }

    private func bigEndian(_ value: Int64, _ size: Int) -> [UInt8] {
        (0..<size).reversed().map { UInt8(truncatingIfNeeded: value >> Int64(8 * $0)) }
    }

    func zone() -> Zone? { Zone(identifier: "Test/Zone", tzif: bytes) }
}

@Suite("TZif files")
struct TZifTests {
    private func offsets(_ zone: Zone?, _ instants: [String]) -> [Int]? {
        zone.map { zone in instants.map { zone.offset(at: utc($0)) } }
    }

    @Test("Version 1 is read from its 32 bits; its last offset stays for ever")
    func versionOne() {
        let file = TZifBuilder(
            version: 0, transitions: [(-1000, 1), (1_000_000_000, 2)], offsets: [600, 3600, -7200], footer: nil)
        let instants = [
            "1969-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2001-09-09T01:46:39Z", "2001-09-09T01:46:40Z",
            "2400-01-01T00:00:00Z",
        ]
        #expect(offsets(file.zone(), instants) == [600, 3600, 3600, -7200, -7200])
    }

    @Test("A slim file, whose footer carries today, gives what the full one gives")
    func slimFile() throws {
        let slim = TZifBuilder(
            transitions: [(1_173_596_400, 1)], offsets: [-18_000, -14_400], footer: "EST5EDT,M3.2.0,M11.1.0")
        let zone = try #require(slim.zone())
        let full = try #require(Zone.named("America/New_York"))
        var instant = utc("2007-03-11T07:00:00Z")
        while let next = full.nextTransition(after: instant), next.instant < utc("2120-01-01T00:00:00Z") {
            #expect(zone.nextTransition(after: instant) == next)
            instant = next.instant
        }
        #expect(instant > utc("2119-01-01T00:00:00Z"))
        #expect(zone.nextTransition(after: utc("1990-01-01T00:00:00Z"))?.instant == utc("2007-03-11T07:00:00Z"))
    }

    @Test("Between the last recorded transition and the first of the footer there is no seam")
    func seam() throws {
        // The last record, in July, renames the offset and changes nothing.
        let file = TZifBuilder(
            transitions: [(1_174_784_400, 1), (1_183_248_000, 2)], offsets: [3600, 7200, 7200],
            footer: "CET-1CEST,M3.5.0,M10.5.0/3")
        let zone = try #require(file.zone())
        let expected = ZoneTransition(instant: utc("2007-10-28T01:00:00Z"), offsetBefore: 7200, offsetAfter: 3600)
        for after in ["2007-03-25T01:00:00Z", "2007-06-30T00:00:00Z", "2007-07-01T00:00:00Z", "2007-10-28T00:59:59Z"] {
            #expect(zone.nextTransition(after: utc(after)) == expected)
        }
    }

    @Test(
        "Each form of a footer is read",
        arguments: [
            ("UTC0", [0, 0, 0]), ("<+0530>-5:30", [19_800, 19_800, 19_800]), ("<-03>3", [-10_800, -10_800, -10_800]),
            ("CET-1CEST,M3.5.0,M10.5.0/3", [3600, 7200, 3600]),
            ("NZST-12NZDT,M9.5.0,M4.1.0/3", [46_800, 43_200, 46_800]),
            ("IST-1GMT0,M10.5.0,M3.5.0/1", [0, 3600, 0]), ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", [-7200, -3600, -7200]),
            ("LHST-10:30LHDT-11,M10.1.0,M4.1.0", [39_600, 37_800, 39_600]),
            ("XXX3YYY,J60/0,J300/0", [-10_800, -7200, -10_800]),
            ("XXX3YYY,59/0,299/24:00:00", [-10_800, -7200, -10_800]),
            ("XXX3YYY1:02:03,M1.1.0,M12.5.0", [-10_800, -3723, -10_800]),
            // Daylight time all year, as RFC 9636 writes it.
            ("XXX3EDT4,0/0,J365/23", [-14_400, -14_400, -14_400]), ("", [60, 60, 60]),
        ])
    func footers(_ footer: String, _ expected: [Int]) {
        let zone = TZifBuilder(offsets: [60], footer: footer).zone()
        #expect(offsets(zone, ["2026-01-01T12:00:00Z", "2026-07-01T12:00:00Z", "2027-01-01T12:00:00Z"]) == expected)
    }

    @Test("J59 is always 28 February and J60 1 March; 59 is 29 February in a leap year")
    func julianDays() throws {
        func start(_ day: String, in year: Int) throws -> Instant? {
            let zone = try #require(TZifBuilder(footer: "XXX0YYY,\(day)/0,J300").zone())
            return zone.nextTransition(after: utc("\(year)-01-01T00:00:00Z"))?.instant
        }
        for year in [2027, 2028] {
            #expect(try start("J59", in: year) == utc("\(year)-02-28T00:00:00Z"))
            #expect(try start("J60", in: year) == utc("\(year)-03-01T00:00:00Z"))
        }
        #expect(try start("59", in: 2027) == utc("2027-03-01T00:00:00Z"))
        #expect(try start("59", in: 2028) == utc("2028-02-29T00:00:00Z"))
    }

    @Test(
        "A footer that is malformed refuses the file",
        arguments: [
            "X0", "UTC", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
            "CET-1CEST,M3.5.7,M10.5.0",
            "CET-25", "CET-1CEST,J0,J300", "CET-1CEST,J366,J300", "CET-1CEST,366,J300", "CET-1CEST,M3.5.0/168,M10.5.0",
            "<+01-1", "CET-1:60",
            "CET-1CEST,M3.5.0,M10.5.0,", "UTC0 ", "5", "CET-1CEST,M3.5.0/x,M10.5.0", "CET-99999999999999999999",
        ])
    func malformedFooter(_ footer: String) {
        #expect(TZifBuilder(footer: footer).zone() == nil)
    }

    @Test("A file with leap seconds, without types, with wild offsets or unordered transitions is refused")
    func refused() {
        #expect(TZifBuilder().zone() != nil)
        #expect(TZifBuilder(leapSeconds: 1).zone() == nil)
        #expect(TZifBuilder(offsets: []).zone() == nil)
        #expect(TZifBuilder(offsets: [93_600]).zone() == nil)
        #expect(TZifBuilder(offsets: [-90_000]).zone() == nil)
        #expect(TZifBuilder(transitions: [(5, 0), (5, 0)]).zone() == nil)
        #expect(TZifBuilder(transitions: [(5, 0), (4, 0)]).zone() == nil)
        #expect(TZifBuilder(transitions: [(5, 1)]).zone() == nil)
        #expect(TZifBuilder(footer: nil).zone() == nil)
        #expect(Zone(identifier: "Test/Zone", tzif: []) == nil)
        #expect(Zone(identifier: "Test/Zone", tzif: Array("# not a zone".utf8)) == nil)
    }

    @Test("A file cut short anywhere is refused, and no damaged byte is trapped on")
    func damage() throws {
        let file = TZifBuilder(
            transitions: [(-5_000_000_000, 1), (1_174_784_400, 0)], offsets: [3600, 7200],
            footer: "CET-1CEST,M3.5.0,M10.5.0/3"
        ).bytes
        for length in 0..<file.count { #expect(Zone(identifier: "Test/Zone", tzif: Array(file.prefix(length))) == nil) }
        for position in file.indices {
            for value in [0, 1, 0x30, 0x7F, 0x80, 0xFF] as [UInt8] {
                var damaged = file
                damaged[position] = value
                guard let zone = Zone(identifier: "Test/Zone", tzif: damaged) else { continue }
                for instant in ["1700-01-01T00:00:00Z", "2026-03-29T01:00:00Z", "2500-12-31T23:59:59Z"] {
                    #expect((-90_000...93_600).contains(zone.offset(at: utc(instant))), "byte \(position) = \(value)")
                    _ = zone.nextTransition(after: utc(instant))
                }
            }
        }
    }

    @Test("A database of one's own is read; what is no regular TZif file of moderate size is not")
    func database() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("zones-\(UUID().uuidString)")
        let area = root.appendingPathComponent("Area")
        try FileManager.default.createDirectory(at: area, withIntermediateDirectories: true)
        // `try!`: a folder that cannot be removed is a failure of the test's own.
        defer { try! FileManager.default.removeItem(at: root) }
        try Data(TZifBuilder(offsets: [1800]).bytes).write(to: area.appendingPathComponent("Place"))
        try Data("no zone".utf8).write(to: area.appendingPathComponent("Text"))
        try Data(TZifBuilder().bytes + [UInt8](repeating: 0, count: 300_000)).write(
            to: area.appendingPathComponent("Huge"))
        try Data().write(to: area.appendingPathComponent("Empty"))
        try Data("x".utf8).write(to: root.appendingPathComponent("zone.tab"))
        let database = ZoneDatabase(directories: ["/nonexistent", root.path])
        #expect(database.zone(named: "Area/Place")?.offset(at: utc("2026-01-01T00:00:00Z")) == 1800)
        for name in ["Area", "Area/Text", "Area/Huge", "Area/Empty", "Area/Missing"] {
            #expect(database.zone(named: name) == nil)
        }
        #expect(database.names() == ["Area/Empty", "Area/Huge", "Area/Place", "Area/Text"])
        #expect(ZoneNameError("area/place", database: database).help == "did you mean \"Area/Place\"?")
    }
}
