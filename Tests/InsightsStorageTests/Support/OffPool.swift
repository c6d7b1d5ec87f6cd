import InsightsTestWire
import Testing

extension Trait where Self == OffPool {
    /// Runs a test on threads of its own: what it waits for (a server that starts, a program) may take a while, and the
    /// few threads of the cooperative pool are for all the others.
    static var offPool: Self { OffPool() }
}

struct OffPool: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(ThreadPerJob()) { try await function() }
    }
}
