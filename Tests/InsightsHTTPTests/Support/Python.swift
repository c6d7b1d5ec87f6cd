import Foundation
import Testing

/// Python's own checkers, where they are installed.
enum Python {
    /// Whether these modules can be imported; without them a test says that it was skipped.
    static func has(_ modules: String) -> Bool {
        // Without Python itself there is no module either.
        (try? run("import \(modules)", input: "").status) == 0
    }

    /// Runs a program of Python with `input` on its standard input.
    static func run(_ program: String, input: String) throws -> (status: Int32, output: String) {
        try Outside.run(["python3", "-c", program], input: input)
    }
}

/// Programs that are no part of this project.
enum Outside {
    /// Runs a command with `input` on its standard input.
    static func run(_ command: [String], input: String) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let stdin = Pipe()
        let stdout = Pipe()
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stdout
        try process.run()
        Thread.detachNewThread {
            // A program that ended early has said why on its output.
            try? stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
            try? stdin.fileHandleForWriting.close()  // as above
        }
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
