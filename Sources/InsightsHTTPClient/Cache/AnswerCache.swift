internal import InsightsPlugin
internal import Logging
internal import NIOPosix
internal import Synchronization

/// Answers of servers, kept across restarts so that asking again costs them and us little.
///
/// A file an answer, in a folder of its own: a cache may lose anything at any time, so it needs no transactions, and the
/// database keeps its size, its backups and its one writer for what cannot be had again. Whatever is wrong here costs
/// requests and fails no run.
final class AnswerCache: Sendable {
    private struct Entry {
        /// On the disk, in whole blocks.
        var size: Int
        /// Grows with each use.
        var usedAt: UInt64
    }

    private struct State {
        /// By file name; `nil` before the folder was first looked into.
        var entries: [String: Entry]?
        var size = 0
        var clock: UInt64 = 0
        /// Whether the folder could be opened.
        var isUsable = false
        /// Why the last answer could not be kept; told once.
        var problem: String?
    }

    private let folder: CacheFolder
    private let sizeLimit: Int
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - path: Made when it is first needed; its parent has to be there.
    ///   - sizeLimit: Of all files, in bytes.
    init(path: String, sizeLimit: Int, logger: Logger) {
        folder = CacheFolder(path: path)
        self.sizeLimit = sizeLimit
        self.logger = logger
    }

    /// Bytes on the disk.
    var size: Int { state.withLock { $0.size } }

    /// The answer kept under `key`, or `nil`.
    func answer(for key: String) async -> KeptAnswer? { await offPool { self.read(key) } ?? nil }

    /// Keeps an answer in the place of an earlier one.
    func keep(_ answer: KeptAnswer, for key: String) async { _ = await offPool { self.write(answer, key) } }

    /// File work blocks; the threads of modules are not to wait for a disk.
    private func offPool<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result? {
        do {
            return try await NIOThreadPool.singleton.runIfActive(body)
        } catch {
            // The run was cancelled, or the program ends: then there is no cache.
            return nil
        }
    }

    private func read(_ key: String) -> KeptAnswer? {
        let isKnown = state.withLock { state in
            open(&state)
            guard state.entries?[key] != nil else { return false }
            state.clock += 1
            state.entries?[key]?.usedAt = state.clock
            return true
        }
        guard isKnown else { return nil }
        if let answer = folder.read(key).flatMap(KeptAnswer.init(file:)) {
            folder.touch(key)
            return answer
        }
        state.withLock { drop(key, &$0) }
        folder.remove(key)
        return nil
    }

    private func write(_ answer: KeptAnswer, _ key: String) {
        let file = answer.file
        let size = CacheFolder.sizeOnDisk(file.count)
        // One answer is not to drive out all others.
        guard size <= sizeLimit / 8, state.withLock({ open(&$0) }) else { return }
        if let problem = folder.write(file, as: key) { return tell(problem) }
        let victims = state.withLock { state in
            state.problem = nil
            drop(key, &state)
            state.clock += 1
            state.entries?[key] = Entry(size: size, usedAt: state.clock)
            state.size += size
            return overflow(&state)
        }
        for victim in victims { folder.remove(victim) }
    }

    /// Looks into the folder, once.
    ///
    /// - Returns: Whether it can be used.
    @discardableResult
    private func open(_ state: inout State) -> Bool {
        if state.entries != nil { return state.isUsable }
        state.entries = [:]
        switch folder.open() {
        case .failure(let problem):
            logger.warning("\(problem.text): answers are asked for anew")
            return false
        case .success(let files):
            state.isUsable = true
            for file in files.sorted(by: { $0.usedAt < $1.usedAt }) {
                state.clock += 1
                state.entries?[file.name] = Entry(size: file.size, usedAt: state.clock)
                state.size += file.size
            }
            return true
        }
    }

    private func drop(_ key: String, _ state: inout State) {
        if let entry = state.entries?.removeValue(forKey: key) { state.size -= entry.size }
    }

    /// Takes out the least recently used until a tenth is free, so that this is not done at each answer.
    private func overflow(_ state: inout State) -> [String] {
        guard state.size > sizeLimit, let entries = state.entries else { return [] }
        var victims: [String] = []
        for (key, _) in entries.sorted(by: { $0.value.usedAt < $1.value.usedAt }) {
            guard state.size > sizeLimit - sizeLimit / 10 else { break }
            drop(key, &state)
            victims.append(key)
        }
        return victims
    }

    /// A full disk says so once, not at each of ten thousand answers.
    private func tell(_ problem: String) {
        let isNew = state.withLock { state in
            defer { state.problem = problem }
            return state.problem != problem
        }
        if isNew { logger.warning("\(problem): answers are asked for anew") }
    }
}
