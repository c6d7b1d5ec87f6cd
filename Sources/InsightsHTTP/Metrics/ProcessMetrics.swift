internal import Glibc
internal import InsightsEngine

/// The process's own figures, from `/proc`; what the system does not tell is left out.
///
/// - SeeAlso: `proc_pid_stat(5)`, `proc_stat(5)`.
enum ProcessMetrics {
    /// Reads the figures now; `/proc` is memory, so this does not wait for a disk.
    static func families() -> [MetricFamily] {
        var families: [MetricFamily] = []
        func add(_ name: String, _ kind: MetricFamily.Kind, _ help: String, _ number: Double?) {
            guard let number else { return }
            families.append(
                MetricFamily(
                    name: name, kind: kind, help: help,
                    samples: [MetricFamily.Sample(labels: [], reading: .number(number))]))
        }
        let stat = read("/proc/self/stat").flatMap(ProcessStat.init)
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        add(
            "process_cpu_seconds_total", .counter, "Processor time of all threads, user and system.",
            stat.map { Double($0.cpuTicks) / ticks })
        add(
            "process_resident_memory_bytes", .gauge, "Memory in use that is in RAM.",
            stat.map { Double($0.residentPages) * Double(sysconf(Int32(_SC_PAGESIZE))) })
        add("process_open_fds", .gauge, "Open file descriptors.", openDescriptors())
        let boot = read("/proc/stat").flatMap(bootTime)
        if let boot, let stat {
            add(
                "process_start_time_seconds", .gauge, "When the process started, in seconds since the Unix epoch.",
                boot + Double(stat.startTicks) / ticks)
        }
        return families
    }

    /// The seconds since the epoch in the line `btime N`.
    static func bootTime(_ text: String) -> Double? {
        let line = text.split(separator: "\n").first { $0.hasPrefix("btime ") }
        return line.flatMap { Double($0.dropFirst("btime ".count)) }
    }

    /// The descriptors, less the one that reading the list takes.
    private static func openDescriptors() -> Double? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = -1
        while let entry = readdir(folder) {
            // `.` and `..` are the only names here that begin with a dot.
            if entry.pointee.d_name.0 != CChar(bitPattern: UInt8(ascii: ".")) { count += 1 }
        }
        return Double(count)
    }

    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The fields of `/proc/PID/stat` that are used here.
struct ProcessStat: Equatable {
    /// User and system time, in clock ticks.
    let cpuTicks: UInt64
    /// After boot, in clock ticks.
    let startTicks: UInt64
    let residentPages: UInt64

    /// Reads the line; the program's name in it may hold spaces and parentheses, so fields count from the last one.
    init?(_ text: String) {
        guard let end = text.lastIndex(of: ")") else { return nil }
        // The first field from here is the third of the line, `state`.
        let fields = text[text.index(after: end)...].split(whereSeparator: \.isWhitespace)
        guard fields.count > 21, let user = UInt64(fields[11]), let system = UInt64(fields[12]),
            let start = UInt64(fields[19]), let resident = UInt64(fields[21])
        else { return nil }
        cpuTicks = user + system
        startTicks = start
        residentPages = resident
    }
}
