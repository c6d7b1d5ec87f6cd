import Foundation
import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("Manifests made worse at random")
struct FuzzTests {
    private static let sources: [String] = [
        """
        version: 1
        timezone: Europe/Berlin
        concurrency: 8
        defaults: &d
          timeout: 30m
          retry: {attempts: 3, delay: 30s, factor: 2, max_delay: 30m}
        groups: {forge-api: 2}
        tasks:
          one:
            uses: demo.echo
            every: 6h
            starting: 2026-01-04T02:00:00Z
            with: &w
              text: "ä ${NAME:-x} 😀"
              names: [a, 'b', "c"]
              options: {depth: 1}
              environment: {A: 1, B: ${NAME}}
          two: &two
            uses: demo.command
            after: one
            group: forge-api
            with:
              argv: [pg_dump, --file, /x]
              token: ${TOKEN}
          three: {<<: *two, after: [one, two], priority: -5, enabled: no}
          four:
            uses: demo.keeper
            cron: "0 6 * * MON-FRI"
            description: >-
              folded text
              over lines
            keep: P14D
          five: {uses: demo.echo, with: *w}
        alerts:
          - {webhook: "https://example.org/x", on: [failure], tasks: [one, "t*"]}
        """,
        "{\"version\": 1, \"tasks\": {\"a\": {\"uses\": \"demo.echo\", \"with\": {\"anything\": [null, 1, {\"x\": []}]}}}}\r\n",
        "version: 1\ntasks:\n  ? a\n  : &x\n    uses: demo.echo # c\n    with: {<<: [{text: |\n      b\n    }, {count: 2}]}\n  b: *x\n",
    ]

    private static let pieces: [String] = [
        "\n", "  ", "\t", ":", ": ", "- ", "[", "]", "{", "}", ",", "\"", "'", "|", ">", "&a ", "*a", "*two", "!x ",
        "!!int ", "#", " #", "---\n", "...\n",
        "<<: ", "${", "}", "$${", "${GONE}", "? ", "%", "@", "\u{FEFF}", "\u{85}", "\u{2028}", "\u{0}", "é", "😀", "~",
        "null", "yes", "99999999999999999999",
        "-1", "1.5", "0x1", "one", "after: [one, two]", "every: 5x\n", "cron: \"* * * * *\"\n", "\r", "\r\n",
    ]

    private static func worsened(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
            let at = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, at + Int.random(in: 0...12, using: &random))
            switch Int.random(in: 0..<7, using: &random) {
            case 0: bytes.removeSubrange(at..<end)
            case 1: bytes.insert(contentsOf: pieces.randomElement(using: &random)?.utf8.map(\.self) ?? [], at: at)
            case 2: bytes.replaceSubrange(at..<end, with: Array((pieces.randomElement(using: &random) ?? "").utf8))
            case 3: bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &random))
            case 4: bytes.removeSubrange(at...)
            case 5: if at < bytes.count { bytes[at] = UInt8.random(in: 0...255, using: &random) }
            default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 200)], at: at)
            }
        }
        return bytes
    }

    /// The lines of a text as editors count them, by their lengths in scalars; invalid UTF-8 as decoders replace it.
    private static func lineLengths(_ bytes: [UInt8]) -> [Int] {
        let text = String(decoding: bytes, as: UTF8.self).unicodeScalars
        var lengths = [0]
        var last: Unicode.Scalar?
        for scalar in text {
            if scalar == "\n", last == "\r" {
                last = scalar
                continue
            }
            if scalar == "\n" || scalar == "\r" { lengths.append(0) } else { lengths[lengths.count - 1] += 1 }
            last = scalar
        }
        return lengths
    }

    @Test(
        "Always a manifest or an error, never a crash, every place within the file",
        arguments: [UInt64(1), 20_260_115, UInt64.random(in: 0...UInt64.max)])
    func neverCrashes(_ seed: UInt64) throws {
        let rounds = ProcessInfo.processInfo.environment["INSIGHTS_FUZZ_ROUNDS"].flatMap(Int.init) ?? 300
        print("manifest fuzz: seed \(seed), \(rounds) rounds")
        var random = SplitMix64(seed: seed)
        let loader = try loader(environment: ["NAME": "value", "TOKEN": "s3cret"])
        for round in 0..<rounds {
            let source = Array((Self.sources.randomElement(using: &random) ?? "").utf8)
            let bytes = Self.worsened(source, &random)
            let result = loader.load(bytes: bytes, file: "/srv/tasks.yaml")
            let hasError = result.diagnostics.contains { $0.severity == .error }
            let shown = "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self).debugDescription)"
            #expect(hasError == (result.manifest == nil), "\(shown)")
            let lengths = Self.lineLengths(bytes)
            for found in result.diagnostics {
                #expect(found.line >= 1 && found.line <= lengths.count, "\(found.brief) \(shown)")
                let length = found.line <= lengths.count ? lengths[found.line - 1] : 0
                #expect(
                    found.column >= 1 && found.column <= found.endColumn && found.endColumn <= length + 1,
                    "\(found.brief) \(shown)")
                #expect(!found.message.contains("s3cret"), "\(shown)")
                #expect(!found.rendered(color: false).isEmpty)
            }
            let places = result.diagnostics.map { ($0.line, $0.column) }
            #expect(zip(places, places.dropFirst()).allSatisfy { $0 <= $1 }, "\(shown)")
        }
    }
}
