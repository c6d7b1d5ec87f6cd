import InsightsEngine
import InsightsPlugin
import Testing

/// A refused expression: the field, the offending text at its offset, and a word of message and help.
struct RefusedCron: CustomTestStringConvertible {
    let expression: String
    let field: CronField?
    let text: String
    let offset: Int
    let message: String
    let help: String

    init(_ expression: String, _ field: CronField?, _ text: String, _ offset: Int, _ message: String, _ help: String) {
        self.expression = expression
        self.field = field
        self.text = text
        self.offset = offset
        self.message = message
        self.help = help
    }

    var testDescription: String { "\"\(expression)\"" }

    static let wholes: [RefusedCron] = [
        RefusedCron("", nil, "", 0, "empty", "five fields"),
        RefusedCron("   ", nil, "", 0, "empty", "five fields"),
        RefusedCron("*", nil, "*", 0, "1 fields where five or six", "five fields"),
        RefusedCron("* * * *", nil, "* * * *", 0, "4 fields", "minute hour day-of-month"),
        RefusedCron("0 0 0 1 1 ? 2026", nil, "0 0 0 1 1 ? 2026", 0, "7 fields", "leave the year out"),
        RefusedCron("0 0 0 1 1 ? 2026 x", nil, "0 0 0 1 1 ? 2026 x", 0, "8 fields", "five fields"),
        RefusedCron("@fortnightly", nil, "@fortnightly", 0, "unknown schedule", "every: 2w"),
        RefusedCron("@biweekly", nil, "@biweekly", 0, "unknown schedule", "every: 2w"),
        RefusedCron("@every 5m", nil, "@every", 0, "unknown schedule", "every: 1h"),
        RefusedCron("@reboot", nil, "@reboot", 0, "unknown schedule", "on_start: always"),
        RefusedCron("@dayly", nil, "@dayly", 0, "unknown schedule", "\"@daily\""),
        RefusedCron("@never", nil, "@never", 0, "unknown schedule", "@annually"),
        RefusedCron(" @daily x", nil, "x", 8, "after @daily", "stands alone"),
        RefusedCron("TZ=UTC 0 6 * * *", nil, "TZ=UTC", 0, "zone", "`timezone`"),
        RefusedCron("CRON_TZ=UTC 0 6 * * *", nil, "CRON_TZ=UTC", 0, "zone", "`timezone`"),
        RefusedCron("0 0 30 2 *", nil, "0 0 30 2 *", 0, "never fires", "change the day"),
        RefusedCron("0 0 31 4,6,9,11 *", nil, "0 0 31 4,6,9,11 *", 0, "never fires", "change the day"),
        RefusedCron("0 0 31W FEB *", nil, "0 0 31W FEB *", 0, "never fires", "change the day"),
        RefusedCron("0 0 LW * */7", nil, "0 0 LW * */7", 0, "never fires", "change the day"),
        RefusedCron("0 0 */31 2,4 MON#2", nil, "0 0 */31 2,4 MON#2", 0, "never fires", "change the day"),
    ]

    static let values: [RefusedCron] = [
        RefusedCron("60 * * * *", .minute, "60", 0, "0 to 59", "0 to 59"),
        RefusedCron("0 24 * * *", .hour, "24", 2, "0 to 23", "midnight is hour 0"),
        RefusedCron("0 25 * * *", .hour, "25", 2, "0 to 23", "0 to 23"),
        RefusedCron("0 0 0 * *", .dayOfMonth, "0", 4, "1 to 31", "1 to 31"),
        RefusedCron("0 0 32 * *", .dayOfMonth, "32", 4, "1 to 31", "1 to 31"),
        RefusedCron("0 0 1 0 *", .month, "0", 6, "1 to 12", "1 to 12"),
        RefusedCron("0 0 1 13 *", .month, "13", 6, "1 to 12", "1 to 12"),
        RefusedCron("0 0 * * 8", .dayOfWeek, "8", 8, "0 to 7", "0 to 7"),
        RefusedCron("60 0 0 * * *", .second, "60", 0, "0 to 59", "0 to 59"),
        RefusedCron("0 60 0 * * *", .minute, "60", 2, "0 to 59", "0 to 59"),
        RefusedCron("0 0,12,24 * * *", .hour, "24", 7, "out of range", "midnight"),
        RefusedCron("0-60 * * * *", .minute, "60", 2, "out of range", "0 to 59"),
        RefusedCron("99999999999999999999 * * * *", .minute, "99999999999999999999", 0, "out of range", "0 to 59"),
        RefusedCron("0 0 32W * *", .dayOfMonth, "32", 4, "out of range", "1 to 31"),
        RefusedCron("0 0 * * 8L", .dayOfWeek, "8", 8, "out of range", "0 to 7"),
        RefusedCron("x * * * *", .minute, "x", 0, "is no minute", "0 to 59"),
        RefusedCron("1.5 * * * *", .minute, "1.5", 0, "is no minute", "0 to 59"),
        RefusedCron("+5 * * * *", .minute, "+5", 0, "is no minute", "0 to 59"),
        RefusedCron("٣ * * * *", .minute, "٣", 0, "is no minute", "0 to 59"),
        RefusedCron("H * * * *", .minute, "H", 0, "is no minute", "`jitter`"),
        RefusedCron("~ * * * *", .minute, "~", 0, "is no minute", "`jitter`"),
        RefusedCron("0 0 * MOM *", .month, "MOM", 6, "is no month", "JAN to DEC"),
        RefusedCron("0 0 * * JAN", .dayOfWeek, "JAN", 8, "is no day of week", "SUN to SAT"),
        RefusedCron("0 0 * MON *", .month, "MON", 6, "is no month", "JAN to DEC"),
        RefusedCron("0 0 * january *", .month, "january", 6, "is no month", "three letters: JAN"),
        RefusedCron("0 0 * * Monday", .dayOfWeek, "Monday", 8, "is no day of week", "three letters: MON"),
        RefusedCron("0 0 MON * *", .dayOfMonth, "MON", 4, "is no day of month", "1 to 31"),
        RefusedCron("ä 60 * * *", .minute, "ä", 0, "is no minute", "0 to 59"),
    ]

    static let forms: [RefusedCron] = [
        RefusedCron("*/0 * * * *", .minute, "*/0", 0, "step of 0", "1 or more"),
        RefusedCron("0 5-10/00 * * *", .hour, "5-10/00", 2, "step of 0", "1 or more"),
        RefusedCron("*/x * * * *", .minute, "*/x", 0, "not a step", "whole number"),
        RefusedCron("*/ * * * *", .minute, "*/", 0, "not a step", "whole number"),
        RefusedCron("*/-5 * * * *", .minute, "*/-5", 0, "not a step", "whole number"),
        RefusedCron("*/5/2 * * * *", .minute, "*/5/2", 0, "two steps", "*/5"),
        RefusedCron("0 22-6 * * *", .hour, "22-6", 2, "reversed", "22-23,0-6"),
        RefusedCron("30-10 * * * *", .minute, "30-10", 0, "reversed", "30-59,0-10"),
        RefusedCron("0 0 28-3 * *", .dayOfMonth, "28-3", 4, "reversed", "28-31,1-3"),
        RefusedCron("0 0 * NOV-FEB *", .month, "NOV-FEB", 6, "reversed", "NOV-DEC,JAN-FEB"),
        RefusedCron("0 0 * * FRI-MON", .dayOfWeek, "FRI-MON", 8, "reversed", "FRI-SAT,SUN-MON"),
        RefusedCron("0 0 * * 5-1", .dayOfWeek, "5-1", 8, "reversed", "5-SAT,SUN-1"),
        RefusedCron("0 0 * * 5-0", .dayOfWeek, "5-0", 8, "reversed", "SUN"),
        RefusedCron("0 0 * * 7-2", .dayOfWeek, "7-2", 8, "reversed", "SUN-2"),
        RefusedCron("0 0 1,20-10 * *", .dayOfMonth, "20-10", 6, "reversed", "20-31,1-10"),
        RefusedCron("5- * * * *", .minute, "5-", 0, "not a range", "1-5"),
        RefusedCron("-5 * * * *", .minute, "-5", 0, "not a range", "1-5"),
        RefusedCron("1-2-3 * * * *", .minute, "1-2-3", 0, "not a range", "1-5"),
        RefusedCron("*-5 * * * *", .minute, "*", 0, "is no minute", "0 to 59"),
        RefusedCron("** * * * *", .minute, "**", 0, "is no minute", "0 to 59"),
        RefusedCron("*5 * * * *", .minute, "*5", 0, "is no minute", "0 to 59"),
        RefusedCron("1,,2 * * * *", .minute, "1,,2", 0, "empty item", "comma"),
        RefusedCron(",1 * * * *", .minute, ",1", 0, "empty item", "comma"),
        RefusedCron("1, 2 * * *", .minute, "1,", 0, "empty item", "comma"),
        RefusedCron("L * * * *", .minute, "L", 0, "is no minute", "0 to 59"),
        RefusedCron("0 15W * * *", .hour, "15W", 2, "is no hour", "0 to 23"),
        RefusedCron("0 0 W * *", .dayOfMonth, "W", 4, "is no day of month", "1 to 31"),
        RefusedCron("0 0 L-3 * *", .dayOfMonth, "L-3", 4, "is no day of month", "L, LW and 15W"),
        RefusedCron("0 0 L15 * *", .dayOfMonth, "L15", 4, "is no day of month", "L, LW and 15W"),
        RefusedCron("0 0 WL * *", .dayOfMonth, "WL", 4, "is no day of month", "1 to 31"),
        RefusedCron("0 0 1-15W * *", .dayOfMonth, "1-15W", 4, "combines", "one by one"),
        RefusedCron("0 0 */2W * *", .dayOfMonth, "*/2W", 4, "combines", "one by one"),
        RefusedCron("0 0 L/2 * *", .dayOfMonth, "L/2", 4, "is no day of month", "L, LW and 15W"),
        RefusedCron("0 0 5L * *", .dayOfMonth, "5L", 4, "is no day of month", "1 to 31"),
        RefusedCron("0 0 * * L", .dayOfWeek, "L", 8, "without a weekday", "5L or FRIL"),
        RefusedCron("0 0 * * 1-5L", .dayOfWeek, "1-5L", 8, "combines", "one by one"),
        RefusedCron("0 0 * * 15W", .dayOfWeek, "15W", 8, "is no day of week", "SUN to SAT"),
        RefusedCron("0 0 * * FRI#0", .dayOfWeek, "FRI#0", 8, "nth weekday", "FRI#2"),
        RefusedCron("0 0 * * FRI#6", .dayOfWeek, "FRI#6", 8, "nth weekday", "FRI#2"),
        RefusedCron("0 0 * * FRI#", .dayOfWeek, "FRI#", 8, "nth weekday", "FRI#2"),
        RefusedCron("0 0 * * #2", .dayOfWeek, "", 8, "is no day of week", "SUN to SAT"),
        RefusedCron("0 0 * * FRI#1#2", .dayOfWeek, "FRI#1#2", 8, "nth weekday", "FRI#2"),
        RefusedCron("0 0 * * XYZ#2", .dayOfWeek, "XYZ", 8, "is no day of week", "SUN to SAT"),
        RefusedCron("0 0 15#2 * *", .dayOfMonth, "15#2", 4, "is no day of month", "1 to 31"),
        RefusedCron("0  0\t* * MON,FRX", .dayOfWeek, "FRX", 13, "is no day of week", "SUN to SAT"),
    ]
}

@Suite("Refused cron expressions")
struct CronErrorTests {
    @Test(
        "The error names the field, the place and the way out",
        arguments: RefusedCron.wholes + RefusedCron.values + RefusedCron.forms)
    func refused(_ row: RefusedCron) throws {
        let error = try #require(throws: CronError.self) { try CronSchedule(row.expression, zone: .utc) }
        #expect(error.field == row.field)
        #expect(error.text == row.text)
        #expect(error.offset == row.offset)
        #expect(error.length == row.text.unicodeScalars.count)
        #expect(error.message.contains(row.message), "\(error.message)")
        #expect(error.help.contains(row.help), "\(error.help)")
        let scalars = Array(row.expression.unicodeScalars)[error.offset..<error.offset + error.length]
        #expect(String(String.UnicodeScalarView(scalars)) == error.text, "the place holds the text")
    }

    @Test("Elapsed time that every clock change skips never fires in that zone, yet does in another")
    func skippedForEver() throws {
        let lastSundayOfMarch = "* 2 25-31 3 */7"
        let error = try #require(throws: CronError.self) {
            try CronSchedule(lastSundayOfMarch, zone: #require(Zone.named("Europe/Berlin")))
        }
        #expect(error.message.contains("clock changes in Europe/Berlin skip each of its times"))
        #expect(throws: Never.self) { try CronSchedule(lastSundayOfMarch, zone: .utc) }
    }

    @Test("Random text is read or refused at a place within it, never trapped on", arguments: 0..<200 as Range<UInt64>)
    func garbage(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let alphabet = Array("0123456789*/,-?LW#@ \tMONJAFRIä".unicodeScalars)
        for _ in 0..<50 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...20, using: &random) { text.append(alphabet.randomElement(using: &random)!) }
            let expression = String(text)
            do throws(CronError) {
                let schedule = try CronSchedule(expression, zone: .utc)
                #expect(schedule.next(after: utc("2026-01-01T00:00:00Z")) != nil, "seed \(seed): \(expression)")
            } catch {
                let scalars = Array(expression.unicodeScalars)
                let end = error.offset + error.length
                #expect(end <= scalars.count, "seed \(seed): \(expression)")
                #expect(!error.message.isEmpty && !error.help.isEmpty, "seed \(seed): \(expression)")
            }
        }
    }
}
