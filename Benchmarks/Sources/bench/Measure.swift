import Glibc
import InsightsEngine
import InsightsPlugin
import Synchronization

/// Reads what the operating system counts of this process.
enum Measure {
    /// Resident bytes, from `/proc/self/statm`.
    static var residentBytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 128)
        guard fgets(&buffer, Int32(buffer.count), file) != nil else { return 0 }
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let fields = text.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
    }

    /// User and system seconds of all threads so far.
    static var processorSeconds: Double {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// The most memory that this process had resident, in megabytes.
    static var peakResidentMegabytes: Double {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        return Double(usage.ru_maxrss) / 1024
    }

    /// Microseconds since the Unix epoch.
    static var wallMicroseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}

/// Does nothing but note how late it was started.
final class NoOp: TaskModule {
    let declaration = ModuleDeclaration(id: "noop", summary: "Does nothing")
    private let count = Atomic<Int>(0)
    private let capacity: Int
    // Each start writes a place of its own, and who reads waits for the engine's end.
    nonisolated(unsafe) private let lateness: UnsafeMutablePointer<Int32>

    /// - Parameter capacity: How many starts are noted; 0 only counts them.
    init(capacity: Int) {
        self.capacity = capacity
        lateness = .allocate(capacity: max(1, capacity))
    }

    func run(_ context: RunContext) async throws -> String? {
        let index = count.wrappingAdd(1, ordering: .relaxed).oldValue
        if index < capacity {
            lateness[index] = Int32(clamping: Measure.wallMicroseconds - context.scheduledAt.milliseconds * 1000)
        }
        return nil
    }

    var runs: Int { count.load(ordering: .relaxed) }

    /// Milliseconds at a share of the noted starts, e.g. 0.99.
    func lateness(at share: Double) -> Double {
        let sorted = UnsafeBufferPointer(start: lateness, count: min(capacity, runs)).sorted()
        guard !sorted.isEmpty else { return .nan }
        return Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]) / 1000
    }
}
