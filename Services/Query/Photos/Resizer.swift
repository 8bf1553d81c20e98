import Foundation
import Photos
import Subprocess

/// Makes a photo smaller by `vipsthumbnail` of libvips, in a process of its own that can harm nobody much: it gets the
/// photo on its standard input and gives the result on its standard output, knows nothing of this process's environment,
/// writes no file, and is ended when it takes too much memory, processor or time.
struct Resizer: Sendable {
    /// The path of the program.
    let program: String

    var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

    /// Wall clock, processor, and address space in bytes: what 100 megapixels of the most costly kind take, and some more.
    static let seconds = 20, processorSeconds = 15, memory = 2 << 30
    /// Of what it gives.
    static let bytes = 32 << 20

    /// The photo no wider than `width`, the right way up, in sRGB and of the same type; nil where the program could not.
    ///
    /// - Parameter photo: by nobody else read meanwhile.
    func resize(_ photo: Spool, _ type: PhotoType, to width: Int) async throws -> [UInt8]? {
        let limits = [
            "--signal=KILL", "\(Self.seconds)", "prlimit", "--cpu=\(Self.processorSeconds)", "--as=\(Self.memory)",
            "--fsize=0", "--nofile=64", "--core=0", "--",
        ]
        let work = [
            program, "stdin[fail_on=truncated]", "--size", "\(width)x>", "--export-profile", "srgb", "--output",
            // libvips 8.14 embeds a profile in WebP that it does not need.
            type == .png ? ".png[strip]" : ".\(type.rawValue)[Q=82,strip,profile=none]",
        ]
        do {
            let result = try await run(
                .name("timeout"), arguments: .init(limits + work), environment: Self.environment,
                input: .fileDescriptor(try photo.rewound(), closeAfterSpawningProcess: false),
                output: .bytes(limit: Self.bytes))
            let isPhoto = PhotoType(beginning: result.standardOutput) == type
            return result.terminationStatus.isSuccess && isPhoto ? result.standardOutput : nil
        } catch let error as SubprocessError where error.code == .outputLimitExceeded {
            return nil
        }
    }

    /// One thread, none but the well-tried decoders, no code made at run time and nothing unpacked to disk.
    private static let environment = Subprocess.Environment.custom([
        "PATH": "/usr/bin:/bin", "VIPS_CONCURRENCY": "1", "VIPS_BLOCK_UNTRUSTED": "1", "VIPS_NOVECTOR": "1",
        "VIPS_DISC_THRESHOLD": "4g", "MALLOC_ARENA_MAX": "1",
    ])
}
