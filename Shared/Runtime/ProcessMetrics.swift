#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The `process_*` metrics of the Prometheus client conventions, from `/proc`; what a system does not tell is left out.
enum ProcessMetrics {
    static func expose(to text: inout String) {
        if let resident = residentBytes() {
            sample("process_resident_memory_bytes", .gauge, "Resident memory, in bytes.", Double(resident), to: &text)
        }
        sample(
            "process_cpu_seconds_total", .counter, "User and system time spent, in seconds.", cpuSeconds(), to: &text)
        if let start = startSeconds {
            sample(
                "process_start_time_seconds", .gauge, "Start of the process since 1970-01-01, in seconds.", start,
                to: &text)
        }
    }

    private static func sample(
        _ name: String, _ kind: MetricDefinition.Kind, _ help: String, _ value: Double, to text: inout String
    ) {
        Exposition.header(MetricDefinition(name, kind, help: help), to: &text)
        Exposition.sample(name, "", Exposition.number(value), to: &text)
    }

    private static func cpuSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func residentBytes() -> Int? {
        // The second field of statm is the resident set in pages.
        guard let fields = contents("/proc/self/statm")?.split(separator: " "), fields.count > 1,
            let pages = Int(fields[1])
        else { return nil }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Field 22 of stat counts clock ticks since boot; `btime` in /proc/stat is the boot.
    private static let startSeconds: Double? = {
        guard let stat = contents("/proc/self/stat"), let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let ticks = Double(fields[19]),
            let line = contents("/proc/stat")?.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
            let boot = Double(line.dropFirst(6))
        else { return nil }
        return boot + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }()

    private static func contents(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(contentsOf: buffer[..<count])
        }
    }
}
