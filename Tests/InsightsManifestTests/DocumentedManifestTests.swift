import Foundation
import InsightsBuiltins
import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("Manifests that the documentation shows")
struct DocumentedManifestTests {
    /// A block of YAML, or a whole file.
    struct Example: Sendable, CustomTestStringConvertible {
        let file: String
        let line: Int
        var text: String

        var testDescription: String { "\(file):\(line)" }

        /// What it is told: what its comments say that `insights check` tells, and of modules that the reader is still to
        /// write that there are none.
        var expected: [String] {
            text.split(separator: "\n").compactMap { line in
                let told = line.components(separatedBy: "# insights check: ")
                if told.count == 2 { return told[1] }
                let uses = line.components(separatedBy: "uses: weather.")
                return uses.count == 2 ? "unknown module \"weather.\(uses[1])\"" : nil
            }
        }
    }

    /// The top level of the repository.
    private static let repository = String(#filePath.components(separatedBy: "/Tests/InsightsManifestTests/")[0])

    /// Everything in the documents that is a manifest, the tasks of one, or one task.
    private static func examples() throws -> [Example] {
        let names = try FileManager.default.contentsOfDirectory(atPath: repository + "/Documentation").sorted()
        var documents = ["README.md", "Plugins-dev/README.md"]
        for name in names where name.hasSuffix(".md") { documents.append("Documentation/" + name) }
        return try documents.flatMap { try blocks(of: $0) }.compactMap { block in
            var example = block
            if block.text.hasPrefix("version:") { return example }
            if block.text.hasPrefix("tasks:") {
                example.text = "version: 1\n" + block.text
            } else if block.text.contains("uses: ") {
                example.text = tasks(block.text)
            } else {
                return nil
            }
            return example
        }
    }

    /// The blocks of YAML in a document, without the indentation that each has as a whole.
    private static func blocks(of file: String) throws -> [Example] {
        var blocks: [Example] = []
        var indentation: Int?
        let text = try String(contentsOfFile: repository + "/" + file, encoding: .utf8)
        for (index, line) in text.components(separatedBy: "\n").enumerated() {
            let trimmed = line.trimmingCharacters(in: .whitespaces)
            if let spaces = indentation {
                if trimmed == "```" {
                    indentation = nil
                } else {
                    blocks[blocks.count - 1].text += String(line.dropFirst(spaces)) + "\n"
                }
            } else if trimmed == "```yaml" {
                indentation = line.prefix { $0 == " " }.count
                blocks.append(Example(file: file, line: index + 1, text: ""))
            }
        }
        return blocks
    }

    /// Loads a manifest where each variable without a default is set.
    private func problems(_ text: String, file: String) throws -> [String] {
        let names = text.matches(of: #/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/#).map { String($0.output.1) }
        let loader = ManifestLoader(
            registry: try Registry(Builtins.plugins),
            environment: Dictionary(names.map { ($0, "given") }) { first, _ in first },
            defaultInterval: .seconds(1_209_600), processorCount: 2, now: testNow)
        return loader.load(bytes: Array(text.utf8), file: file).diagnostics.map(\.message)
    }

    @Test("each is right, but for what it says of itself")
    func documented() throws {
        let examples = try Self.examples()
        let whole = Set(examples.filter { $0.text.hasPrefix("version: 1\n") }.map(\.file))
        #expect(whole.isSuperset(of: ["README.md", "Documentation/Manifest.md", "Documentation/Metrics.md"]))
        for example in examples {
            #expect(
                try problems(example.text, file: "/srv/tasks.yaml") == example.expected, "\(example.testDescription)")
        }
    }

    @Test("that of the simulated forges is right")
    func demo() throws {
        let path = Self.repository + "/Plugins-dev/Examples/forges/tasks.yaml"
        #expect(try problems(String(contentsOfFile: path, encoding: .utf8), file: path) == [])
    }
}
