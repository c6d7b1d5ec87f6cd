import InsightsStorage
import Logging
import Testing

@testable import InsightsCommands

@Suite("Settings")
struct SettingsTests {
    private func read(_ environment: [String: String], dotEnv: String? = nil) throws -> Settings {
        let place = try Place()
        if let dotEnv { try place.write(".env", dotEnv) }
        return try Settings.read(environment: environment, dotEnvPath: place.path + "/.env")
    }

    @Test("nothing set means the defaults of the contract")
    func defaults() throws {
        let settings = try read([:])
        #expect(settings.database == .sqlite(path: "insights.db"))
        #expect(settings.isSchedulerEnabled)
        #expect(settings.interval == .seconds(1_209_600))
        #expect(settings.adminToken == nil)
        #expect(settings.host == "127.0.0.1")
        #expect(settings.port == 8080)
        #expect(settings.logLevel == nil)
        #expect(settings.logFormat == .auto)
        #expect(settings.allowsColor)
    }

    @Test("every variable is read by its type")
    func all() throws {
        let settings = try read([
            "DATABASE_URL": "sqlite:/x/y.db", "TASK_SCHEDULER_ENABLED": "No", "TASK_SCHEDULER_INTERVAL": "60",
            "INSIGHTS_ADMIN_TOKEN": "0123456789abcdef", "HOST": "::1", "PORT": "0", "LOG_LEVEL": "DEBUG",
            "LOG_FORMAT": "json", "NO_COLOR": "1",
        ])
        #expect(settings.database == .sqlite(path: "/x/y.db"))
        #expect(!settings.isSchedulerEnabled)
        #expect(settings.interval == .seconds(60))
        #expect(settings.adminToken == "0123456789abcdef")
        #expect(settings.adminTokenProblem == nil)
        #expect(settings.host == "::1")
        #expect(settings.port == 0)
        #expect(settings.logLevel == .debug)
        #expect(settings.logFormat == .json)
        #expect(!settings.allowsColor)
    }

    @Test(
        "a malformed value is refused with its name",
        arguments: [
            ("DATABASE_URL", "insights.db"), ("DATABASE_URL", "mysql://x"), ("DATABASE_URL", "sqlite:"),
            ("DATABASE_URL", "postgres://host/db"), ("TASK_SCHEDULER_ENABLED", "maybe"),
            ("TASK_SCHEDULER_INTERVAL", "0"), ("TASK_SCHEDULER_INTERVAL", "14d"), ("TASK_SCHEDULER_INTERVAL", "-1"),
            ("TASK_SCHEDULER_INTERVAL", "1.5"), ("TASK_SCHEDULER_INTERVAL", "99999999999999999999"),
            ("HOST", "127.0.0.1:8080"), ("HOST", "http://x"), ("HOST", "a b"), ("PORT", "65536"), ("PORT", "+1"),
            ("PORT", "http"), ("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml"),
        ])
    func refusal(name: String, value: String) throws {
        let error = try #require(throws: SettingsError.self) { try read([name: value]) }
        #expect(error.problems.count == 1)
        #expect(error.problems[0].hasPrefix(name))
    }

    @Test("all problems are told at once, those of .env by their lines")
    func allAtOnce() throws {
        let error = try #require(throws: SettingsError.self) { try read(["PORT": "x", "HOST": ":"], dotEnv: "A\nB") }
        #expect(error.problems.count == 4)
        #expect(error.problems[0].contains(".env:1: "))
        #expect(error.problems[1].contains(".env:2: "))
    }

    @Test("the password of a refused DATABASE_URL is not shown")
    func password() throws {
        let error = try #require(throws: SettingsError.self) {
            try read(["DATABASE_URL": "postgres://me:hunter2@host/db"])
        }
        #expect(!error.problems.joined().contains("hunter2"))
    }

    @Test("the real environment wins over .env, also when it is set to nothing")
    func precedence() throws {
        let settings = try read(["PORT": "9000", "HOST": ""], dotEnv: "PORT=1\nHOST=10.0.0.1\nTOKEN=t")
        #expect(settings.port == 9000)
        #expect(settings.host == "127.0.0.1")
        #expect(settings.variables["TOKEN"] == "t")
        #expect(settings.variables["HOST"] == "")
    }

    @Test("a variable set to nothing counts as unset", arguments: ["PORT", "DATABASE_URL", "LOG_LEVEL", "NO_COLOR"])
    func empty(name: String) throws {
        let settings = try read([name: ""])
        #expect(settings.port == 8080)
        #expect(settings.allowsColor)
    }

    @Test("an admin token of 15 characters is a problem, one of 16 is none", arguments: [(15, false), (16, true)])
    func adminToken(length: Int, isEnough: Bool) throws {
        let token = String(repeating: "š", count: length)
        let problem = try read(["INSIGHTS_ADMIN_TOKEN": token]).adminTokenProblem
        #expect((problem == nil) == isEnough)
        #expect(problem?.contains(token) != true)
        #expect(problem?.contains("INSIGHTS_ADMIN_TOKEN") != false)
    }
}
