import Foundation

/// The place of a Unix socket in the file system.
struct UnixSocket: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let path: String
    /// Where the socket is made, to be moved to its place when it is ready: whoever connects there has the right to.
    var draft: String { path + ".new" }

    /// Refuses a place at which somebody listens, or something else is.
    func prepare() throws(Failure) {
        unlink(draft)
        guard let found = attributes(path) else { return }
        guard found[.type] as? FileAttributeType == .typeSocket else {
            throw Failure(description: "\(path) is there and no socket")
        }
        if isLive { throw Failure(description: "somebody listens at \(path)") }
    }

    /// Whether a connection is taken. A socket that nobody holds any more refuses.
    private var isLive: Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 || errno != ECONNREFUSED
    }

    /// Puts the draft at its place, over a stale socket, for its owner and group.
    ///
    /// - Returns: what tells it from one that somebody else puts there later.
    func publish() throws(Failure) -> Int {
        guard chmod(draft, 0o660) == 0, let made = inode(draft), rename(draft, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(draft)
            throw Failure(description: "no socket can be put at \(path): \(reason)")
        }
        return made
    }

    func remove(_ made: Int) {
        if inode(path) == made { unlink(path) }
    }

    private func attributes(_ path: String) -> [FileAttributeKey: Any]? {
        try? FileManager.default.attributesOfItem(atPath: path)
    }

    private func inode(_ path: String) -> Int? { attributes(path)?[.systemFileNumber] as? Int }
}
