import Testing

/// The offsets of a zone, in seconds east of UTC, at each of ``ZoneTable/instants``.
struct ZoneCase: CustomTestStringConvertible {
    let zone: String
    let offsets: [Int]

    init(_ zone: String, _ offsets: [Int]) {
        self.zone = zone
        self.offsets = offsets
    }

    var testDescription: String { zone }
}

/// The first change of a zone's offset after an instant.
struct TransitionCase: CustomTestStringConvertible {
    let zone: String
    let after: String
    let instant: String
    let before: Int
    let offset: Int

    init(_ zone: String, _ after: String, _ instant: String, _ before: Int, _ offset: Int) {
        self.zone = zone
        self.after = after
        self.instant = instant
        self.before = before
        self.offset = offset
    }

    var testDescription: String { "\(zone) after \(after)" }
}

/// Values of Python's `zoneinfo` (tzdata 2025b). Past ones, and future ones of zones whose rules have stood
/// for years, so that an update of tzdata does not break them.
enum ZoneTable {
    /// Up to 2036 from recorded transitions, from 2037 on from the rule in the file's footer.
    static let instants = [
        "1955-06-01T00:00:00Z", "1974-01-06T12:00:00Z", "1996-07-01T00:00:00Z", "2011-12-29T00:00:00Z",
        "2024-01-01T00:00:00Z", "2025-03-08T00:00:00Z", "2036-12-31T23:59:59Z", "2037-11-30T00:00:00Z",
        "2040-07-15T00:00:00Z", "2099-12-31T23:00:00Z", "2400-02-29T12:00:00Z",
    ]

    static let offsets: [ZoneCase] = [
        ZoneCase("UTC", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ZoneCase(
            "Etc/GMT+5", [-18000, -18000, -18000, -18000, -18000, -18000, -18000, -18000, -18000, -18000, -18000]),
        ZoneCase("Etc/GMT-14", [50400, 50400, 50400, 50400, 50400, 50400, 50400, 50400, 50400, 50400, 50400]),
        ZoneCase("Europe/Berlin", [3600, 3600, 7200, 3600, 3600, 3600, 3600, 3600, 7200, 3600, 3600]),
        ZoneCase("Europe/London", [3600, 0, 3600, 0, 0, 0, 0, 0, 3600, 0, 0]),
        ZoneCase("Europe/Dublin", [3600, 0, 3600, 0, 0, 0, 0, 0, 3600, 0, 0]),
        ZoneCase("Europe/Lisbon", [3600, 3600, 3600, 0, 0, 0, 0, 0, 3600, 0, 0]),
        ZoneCase(
            "America/New_York",
            [-14400, -14400, -14400, -18000, -18000, -18000, -18000, -18000, -14400, -18000, -18000]),
        ZoneCase(
            "America/St_Johns", [-9000, -12600, -9000, -12600, -12600, -12600, -12600, -12600, -9000, -12600, -12600]),
        ZoneCase(
            "America/Sao_Paulo",
            [-10800, -10800, -10800, -7200, -10800, -10800, -10800, -10800, -10800, -10800, -10800]),
        ZoneCase(
            "America/Havana", [-18000, -18000, -14400, -18000, -18000, -18000, -18000, -18000, -14400, -18000, -18000]),
        ZoneCase(
            "America/Argentina/Buenos_Aires",
            [-10800, -10800, -10800, -10800, -10800, -10800, -10800, -10800, -10800, -10800, -10800]),
        ZoneCase("America/Scoresbysund", [-7200, -7200, 0, -3600, -3600, -7200, -7200, -7200, -3600, -7200, -7200]),
        ZoneCase("Asia/Tokyo", [32400, 32400, 32400, 32400, 32400, 32400, 32400, 32400, 32400, 32400, 32400]),
        ZoneCase("Asia/Kolkata", [19800, 19800, 19800, 19800, 19800, 19800, 19800, 19800, 19800, 19800, 19800]),
        ZoneCase("Asia/Kathmandu", [19800, 19800, 20700, 20700, 20700, 20700, 20700, 20700, 20700, 20700, 20700]),
        ZoneCase("Asia/Jerusalem", [7200, 7200, 10800, 7200, 7200, 7200, 7200, 7200, 10800, 7200, 7200]),
        ZoneCase("Australia/Lord_Howe", [36000, 36000, 37800, 39600, 39600, 39600, 39600, 39600, 37800, 39600, 39600]),
        ZoneCase("Australia/Sydney", [36000, 39600, 36000, 39600, 39600, 39600, 39600, 39600, 36000, 39600, 39600]),
        ZoneCase("Pacific/Apia", [-39600, -39600, -39600, -36000, 46800, 46800, 46800, 46800, 46800, 46800, 46800]),
        ZoneCase("Pacific/Chatham", [45900, 45900, 45900, 49500, 49500, 49500, 49500, 49500, 45900, 49500, 49500]),
        ZoneCase(
            "Pacific/Kiritimati", [-38400, -38400, 50400, 50400, 50400, 50400, 50400, 50400, 50400, 50400, 50400]),
        ZoneCase("Africa/Cairo", [7200, 7200, 10800, 7200, 7200, 7200, 7200, 7200, 10800, 7200, 7200]),
        ZoneCase("Africa/Johannesburg", [7200, 7200, 7200, 7200, 7200, 7200, 7200, 7200, 7200, 7200, 7200]),
        ZoneCase("Antarctica/Troll", [0, 0, 0, 0, 0, 0, 0, 0, 7200, 0, 0]),
    ]

    static let transitions: [TransitionCase] = [
        TransitionCase("Europe/Berlin", "1980-01-01T00:00:00Z", "1980-04-06T01:00:00Z", 3600, 7200),
        TransitionCase("Europe/Berlin", "1995-06-01T00:00:00Z", "1995-09-24T01:00:00Z", 7200, 3600),
        TransitionCase("Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-29T01:00:00Z", 3600, 7200),
        TransitionCase("Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", 3600, 7200),
        TransitionCase("Europe/Berlin", "2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", 7200, 3600),
        TransitionCase("Europe/Berlin", "2037-06-01T00:00:00Z", "2037-10-25T01:00:00Z", 7200, 3600),
        TransitionCase("Europe/Berlin", "2037-11-01T00:00:00Z", "2038-03-28T01:00:00Z", 3600, 7200),
        TransitionCase("Europe/Berlin", "2038-01-19T03:14:08Z", "2038-03-28T01:00:00Z", 3600, 7200),
        TransitionCase("Europe/Berlin", "2099-07-01T00:00:00Z", "2099-10-25T01:00:00Z", 7200, 3600),
        TransitionCase("America/New_York", "1973-12-01T00:00:00Z", "1974-01-06T07:00:00Z", -18000, -14400),
        TransitionCase("America/New_York", "2006-12-01T00:00:00Z", "2007-03-11T07:00:00Z", -18000, -14400),
        TransitionCase("America/New_York", "2026-06-01T00:00:00Z", "2026-11-01T06:00:00Z", -14400, -18000),
        TransitionCase("America/New_York", "2050-01-01T00:00:00Z", "2050-03-13T07:00:00Z", -18000, -14400),
        TransitionCase("Australia/Lord_Howe", "1981-01-01T00:00:00Z", "1981-02-28T14:00:00Z", 36000, 37800),
        TransitionCase("Australia/Lord_Howe", "2026-01-01T00:00:00Z", "2026-04-04T15:00:00Z", 39600, 37800),
        TransitionCase("Australia/Lord_Howe", "2026-05-01T00:00:00Z", "2026-10-03T15:30:00Z", 37800, 39600),
        TransitionCase("Australia/Lord_Howe", "2060-11-01T00:00:00Z", "2061-04-02T15:00:00Z", 39600, 37800),
        TransitionCase("Pacific/Apia", "2011-12-01T00:00:00Z", "2011-12-30T10:00:00Z", -36000, 50400),
        TransitionCase("Pacific/Apia", "2020-12-01T00:00:00Z", "2021-04-03T14:00:00Z", 50400, 46800),
        TransitionCase("Africa/Casablanca", "2024-02-01T00:00:00Z", "2024-03-10T02:00:00Z", 3600, 0),
        TransitionCase("Africa/Casablanca", "2024-04-01T00:00:00Z", "2024-04-14T02:00:00Z", 0, 3600),
        TransitionCase("Europe/Dublin", "2026-01-01T00:00:00Z", "2026-03-29T01:00:00Z", 0, 3600),
        TransitionCase("Europe/Dublin", "2090-01-01T00:00:00Z", "2090-03-26T01:00:00Z", 0, 3600),
        TransitionCase("America/Scoresbysund", "2024-03-01T00:00:00Z", "2024-10-27T01:00:00Z", -3600, -7200),
        TransitionCase("America/Scoresbysund", "2045-01-01T00:00:00Z", "2045-03-26T01:00:00Z", -7200, -3600),
        TransitionCase("Antarctica/Troll", "2026-01-01T00:00:00Z", "2026-03-29T01:00:00Z", 0, 7200),
        TransitionCase("Antarctica/Troll", "2070-06-01T00:00:00Z", "2070-10-26T01:00:00Z", 7200, 0),
        TransitionCase("Asia/Kathmandu", "1985-10-01T00:00:00Z", "1985-12-31T18:30:00Z", 19800, 20700),
        TransitionCase("Pacific/Kwajalein", "1993-08-01T00:00:00Z", "1993-08-21T12:00:00Z", -43200, 43200),
        TransitionCase("Africa/Monrovia", "1971-12-01T00:00:00Z", "1972-01-07T00:44:30Z", -2670, 0),
    ]
}
