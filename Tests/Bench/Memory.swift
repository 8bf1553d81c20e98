import Foundation

/// Resident memory of each service, from /proc.
enum Memory {
    static func rows(of instance: Instance, _ state: String) throws -> [Row] {
        let (near, reach) = state == "idle" ? (60.0, 40.0) : (250.0, 150.0)
        return try ["command", "query", "projector"].map { service in
            Row(
                "memory of \(service), \(state)", ours: try resident(of: instance, service) / 1024, unit: "MB",
                near: near,
                reach: reach,
                isLessBetter: true)
        }
    }

    /// Kilobytes.
    static func resident(of instance: Instance, _ service: String) throws -> Double {
        let pid = try String(contentsOfFile: "\(instance.data)/run/\(service).pid", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        // Files of /proc have no size, so what reads by size reads nothing.
        let file = try FileHandle(forReadingFrom: URL(filePath: "/proc/\(pid)/status"))
        let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
        try file.close()
        return text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
            .flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Double($0) } ?? .nan
    }
}
