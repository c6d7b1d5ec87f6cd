import InsightsEngine
import InsightsPlugin
import Testing

@Suite("Time zones of the system's database")
struct ZoneTests {
    @Test(
        "Offsets equal those of another reader, in the past and long after the recorded transitions",
        arguments: ZoneTable.offsets)
    func offsets(_ row: ZoneCase) throws {
        let zone = try #require(Zone.named(row.zone))
        #expect(ZoneTable.instants.map { zone.offset(at: utc($0)) } == row.offsets)
    }

    @Test("The next transition is the one another reader finds", arguments: ZoneTable.transitions)
    func transitions(_ row: TransitionCase) throws {
        let zone = try #require(Zone.named(row.zone))
        let expected = ZoneTransition(instant: utc(row.instant), offsetBefore: row.before, offsetAfter: row.offset)
        #expect(zone.nextTransition(after: utc(row.after)) == expected)
        #expect(zone.offset(at: expected.instant) == row.offset)
        #expect(zone.offset(at: Instant(milliseconds: expected.instant.milliseconds - 1)) == row.before)
    }

    @Test(
        "A zone without daylight time has no next transition",
        arguments: ["UTC", "Etc/GMT-3", "Asia/Tokyo", "Asia/Kolkata"])
    func noTransition(_ name: String) throws {
        #expect(try #require(Zone.named(name)).nextTransition(after: utc("2026-01-01T00:00:00Z")) == nil)
    }

    @Test("Walking from transition to transition, each changes the offset and comes later")
    func everyZoneIsSound() throws {
        let names = ZoneDatabase.system.names()
        #expect(names.count > 300)
        for name in names {
            let zone = try #require(Zone.named(name), "\(name)")
            #expect(zone.identifier == name)
            var last = utc("1800-01-01T00:00:00Z")
            var offset = zone.offset(at: last)
            while last < utc("2050-01-01T00:00:00Z"), let next = zone.nextTransition(after: last) {
                #expect(next.instant > last && next.offsetBefore == offset && next.offsetAfter != offset, "\(name)")
                last = next.instant
                offset = next.offsetAfter
            }
        }
    }

    @Test("The same name gives the same object, and UTC needs no file")
    func sharing() throws {
        let tokyo = try #require(Zone.named("Asia/Tokyo"))
        #expect(Zone.named("Asia/Tokyo") === tokyo)
        #expect(Zone.named("UTC") === Zone.utc)
        #expect(Zone.utc.offset(at: Instant(milliseconds: .min)) == 0)
        #expect(Zone.utc.offset(at: Instant(milliseconds: .max)) == 0)
        #expect(Zone.named("Asia/Tokyo") != Zone.utc)
    }

    @Test(
        "A name that is none is refused, above all one that leads out of the database",
        arguments: [
            "", " ", "Europe/Berlni", "europe/berlin", "EUROPE/BERLIN", "Europe", "Europe/", "/Europe/Berlin",
            "Europe//Berlin", "../zoneinfo/Europe/Berlin", "Europe/../Europe/Berlin",
            "/usr/share/zoneinfo/Europe/Berlin",
            "./Europe/Berlin", "right/Europe/Berlin", "posix/Europe/Berlin", "localtime", "posixrules", "zone.tab",
            "tzdata.zi", "leapseconds", "Europe/Berlin\0", "Europe/Berlin ", "Europe/Berlín", "+02:00", "CET-1CEST",
            "Europe\\Berlin", String(repeating: "A", count: 5000), "A/B/C/D/E/F",
        ])
    func refused(_ name: String) {
        #expect(Zone.named(name) == nil)
        #expect(!ZoneNameError(name).message.isEmpty)
        #expect(!ZoneNameError(name).help.isEmpty)
    }

    @Test(
        "A misspelt zone is answered with the nearest known one",
        arguments: [
            ("europe/berlin", "Europe/Berlin"), ("Europe/Berln", "Europe/Berlin"), ("Berlin", "Europe/Berlin"),
            ("America/NewYork", "America/New_York"), ("New York", "America/New_York"), ("Asia/Tokio", "Asia/Tokyo"),
            ("utc", "UTC"), ("America/Los Angeles", "America/Los_Angeles"), ("Amercia/Chicago", "America/Chicago"),
        ])
    func suggestions(_ wrong: String, _ right: String) {
        #expect(Zone.suggestion(for: wrong) == right)
        #expect(ZoneNameError(wrong).message == "unknown time zone \"\(wrong)\"")
        #expect(ZoneNameError(wrong).help == "did you mean \"\(right)\"?")
    }

    @Test("A name that is near none is answered with the form of a name, an offset with the way to write one")
    func noSuggestion() {
        #expect(Zone.suggestion(for: "Middle-earth/Shire") == nil)
        #expect(ZoneNameError("Middle-earth/Shire").help.contains("IANA"))
        #expect(ZoneNameError("PST").help.contains("IANA"))
        #expect(ZoneNameError("+02:00").help.contains("Etc/GMT-2"))
        #expect(ZoneNameError("").message == "an empty time zone")
    }

    @Test("Without a database the help says what to install, and UTC works all the same")
    func noDatabase() {
        let nowhere = ZoneDatabase(directories: ["/nonexistent/zoneinfo"])
        #expect(nowhere.zone(named: "Europe/Berlin") == nil)
        #expect(nowhere.names().isEmpty)
        #expect(ZoneNameError("Europe/Berlin", database: nowhere).help.contains("install tzdata"))
        #expect(Zone.named("UTC") != nil)
    }
}
