import Foundation
import Testing

@testable import InsightsCommands

@Suite(".env")
struct DotEnvTests {
    @Test(
        "a line gives its variable, by the rules for quotes, comments and blanks",
        arguments: [
            ("A=1", "1"), ("A=", ""), ("  A = 1  ", "1"), ("export A=1", "1"), ("\tA\t=\t1\t", "1"),
            ("A=one two", "one two"), ("A=a=b", "a=b"), ("A=a#b", "a#b"), ("A=a #b", "a"), ("A=a\t# b", "a"),
            ("A=#b", ""), ("A='a # b'", "a # b"), ("A='a' # b", "a"), ("A='$HOME \\n'", "$HOME \\n"), ("A=''", ""),
            ("A=\"a # b\"", "a # b"), (#"A="a\n\t\r\"\\\$b""#, "a\n\t\r\"\\$b"), ("A=\"\" # empty", ""),
            ("A=it's", "it's"), ("A=$B", "$B"), ("A=1\r", "1"), ("A=žluť 你好", "žluť 你好"), ("\u{FEFF}A=1", "1"),
        ])
    func value(line: String, value: String) throws {
        #expect(try DotEnvFile.parse(Array(line.utf8), path: ".env") == ["A": value])
    }

    @Test("blank lines and comments say nothing", arguments: ["", "   ", "# A=1", "\t#", "\r", "\n\n#\n"])
    func nothing(text: String) throws {
        #expect(try DotEnvFile.parse(Array(text.utf8), path: ".env").isEmpty)
    }

    @Test(
        "a line that cannot be read is named by its number",
        arguments: [
            ("A", DotEnvLineError.noEquals), ("export A", .noEquals), ("1A=1", .badName), ("A-B=1", .badName),
            ("=1", .badName), ("A B=1", .badName), ("Ä=1", .badName), ("A='x", .openQuote), ("A=\"x", .openQuote),
            ("A=\"x\\", .openQuote), ("A='x'y", .afterQuote), ("A=\"x\" y", .afterQuote), ("A='x'#y", .afterQuote),
            (#"A="\q""#, .badEscape), ("A=\0", .nul),
        ])
    func refusal(line: String, reason: DotEnvLineError) throws {
        let error = try #require(throws: DotEnvProblems.self) {
            try DotEnvFile.parse(Array("OK=1\n\(line)\nALSO=2".utf8), path: "x/.env")
        }
        #expect(error.errors == [DotEnvError(path: "x/.env", line: 2, message: reason.rawValue)])
    }

    @Test("what is not UTF-8 is refused by its line")
    func encoding() throws {
        let error = try #require(throws: DotEnvProblems.self) {
            try DotEnvFile.parse([0x41, 0x3D, 0xFF], path: ".env")
        }
        #expect(error.errors.map(\.description) == [".env:1: is not UTF-8"])
    }

    @Test("every bad line is told at once, and none of the values")
    func allAtOnce() throws {
        let error = try #require(throws: DotEnvProblems.self) {
            try DotEnvFile.parse(Array("SECRET hunter2hunter2\nB='hunter2hunter2\nC=1".utf8), path: ".env")
        }
        #expect(error.errors.map(\.line) == [1, 2])
        #expect(!error.errors.map(\.description).joined().contains("hunter2"))
    }

    @Test("of two lines with one name the later holds")
    func later() throws {
        #expect(try DotEnvFile.parse(Array("A=1\nA=2\n".utf8), path: ".env") == ["A": "2"])
    }

    @Test("a file that is not there has no variables, a folder in its place is refused")
    func files() throws {
        let place = try Place()
        #expect(try DotEnvFile.read(place.path + "/.env").isEmpty)
        try FileManager.default.createDirectory(atPath: place.path + "/.env", withIntermediateDirectories: false)
        let error = try #require(throws: DotEnvProblems.self) { try DotEnvFile.read(place.path + "/.env") }
        #expect(error.errors.map(\.message) == ["is not a file"])
    }

    @Test("a file of more than 1 MiB is refused")
    func size() throws {
        let place = try Place()
        try place.write(".env", "A=" + String(repeating: "x", count: DotEnvFile.sizeLimit))
        let error = try #require(throws: DotEnvProblems.self) { try DotEnvFile.read(place.path + "/.env") }
        #expect(error.errors.map(\.message) == ["is larger than 1 MiB"])
    }
}
