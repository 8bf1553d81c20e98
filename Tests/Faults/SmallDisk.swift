import Glibc
import TestSupport

/// A bounded tmpfs, for a server that runs out of room. Needs the right to mount.
final class SmallDisk: Sendable {
    let folder: String

    /// nil where it cannot be mounted.
    init?() {
        folder = "/tmp/closter-disk-\(UInt32.random(in: 0 ... .max))"
        do {
            try PrivateCluster.shell(
                "mkdir \(folder) && mount -t tmpfs -o size=192m,mode=755 tmpfs \(folder) || { rmdir \(folder); exit 1; }"
            )
        } catch {
            return nil
        }
    }

    /// Leaves not a byte. That it ends in an error is the point.
    func fill() throws { try PrivateCluster.shell("dd if=/dev/zero of=\(folder)/ballast bs=64k || true") }

    func empty() throws { try PrivateCluster.shell("rm -f \(folder)/ballast") }

    func unmount() { _ = try? PrivateCluster.shell("umount \(folder) && rmdir \(folder)") }
}
