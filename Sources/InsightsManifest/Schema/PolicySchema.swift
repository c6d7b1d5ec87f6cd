import InsightsEngine
import InsightsPlugin

/// JSON Schema of the policy keys, as they stand in a task and under `defaults`.
enum PolicySchema {
    /// Each key's schema, in the order of the manifest's documentation.
    static let properties = ValueObject(distinct: PolicyKey.allCases.map { ($0.rawValue, schema($0)) })

    private static func schema(_ key: PolicyKey) -> Value {
        switch key {
        case .onStart:
            choice(OnStart.self, "What a new process does at once about the task.", .overdue)
        case .catchUp:
            choice(CatchUp.self, "What happens to occurrences missed while nothing ran.", .latest)
        case .catchUpLimit:
            whole(1...10_000, "Most missed occurrences replayed with catch_up: all.", 100)
        case .overlap:
            choice(Overlap.self, "What happens when the former run is still going.", .skip)
        case .jitter:
            ScalarSchema.duration("The start is delayed by up to this, the same on every node.", default: "0s")
        case .timeout:
            ScalarSchema.duration("An attempt that takes longer is cancelled; 1h, or as the module asks.", default: nil)
        case .retry: retry
        case .onLost:
            choice(OnLost.self, "What becomes of an attempt whose node died.", .restart)
        case .priority:
            whole(-100...100, "Higher first when there are more due runs than places.", 0)
        case .group: ManifestSchema.text("A name under groups.")
        case .blocking:
            ManifestSchema.described(
                ScalarSchema.written.boolean, "Run on the pool for blocking or CPU-bound work; as the module says.")
        case .keep:
            ScalarSchema.duration("How long finished runs and their logs are kept.", default: "180d")
        case .retention:
            ScalarSchema.duration("How long the source keeps its data; as the module says.", default: nil)
        }
    }

    private static var retry: Value {
        let attempts = whole(1...100, "Attempts in all.", 1)
        let map: Value = [
            "type": ["object", "null"],
            "properties": [
                "attempts": attempts,
                "delay": ScalarSchema.duration("Longest wait before the second attempt.", default: "30s"),
                "factor": ManifestSchema.described(
                    ScalarSchema.written.number(1...Double.greatestFiniteMagnitude),
                    "By how much the wait grows from attempt to attempt.", default: 2),
                "max_delay": ScalarSchema.duration("The wait never exceeds this.", default: "30m"),
            ],
            "additionalProperties": false,
        ]
        return ManifestSchema.described(
            ["anyOf": [attempts, map]], "When a failed run is tried again; a whole number is attempts.")
    }

    private static func choice<Word: RawRepresentable & CaseIterable>(
        _: Word.Type, _ summary: String, _ value: Word
    ) -> Value where Word.RawValue == String {
        ManifestSchema.described(
            ScalarSchema.written.enumeration(Word.allCases.map(\.rawValue)), summary, default: .string(value.rawValue))
    }

    private static func whole(_ range: ClosedRange<Int64>, _ summary: String, _ value: Int64) -> Value {
        ManifestSchema.described(ScalarSchema.written.integer(range), summary, default: .integer(value))
    }
}
