import Foundation
import FuzzClient

/// Sends the transport what nobody's client sends.
///
///     closter-fuzz FOLDER     makes inputs of those in the folder
///     closter-fuzz FILE...    sends these, each once
///
/// CLOSTER_FUZZ_SEED chooses the inputs that are made, CLOSTER_FUZZ_SECONDS or CLOSTER_FUZZ_RUNS how many. The input that
/// is being sent lies in CLOSTER_FUZZ_INPUT, a file, and is there still when it has ended the process.
@main
struct Fuzz {
    /// One input takes a hundredth of that.
    private static let longest: UInt32 = 30

    static func main() throws {
        Jobs.take()
        #if CLOSTER_LIBFUZZER
            var count = CommandLine.argc
            var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
            exit(LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in Fuzz.test(bytes, count) })
        #else
            let paths = Array(CommandLine.arguments.dropFirst())
            guard let first = paths.first else { fail("name a folder or files") }
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: first, isDirectory: &isFolder) else { fail("no \(first)") }
            let service = try Service()
            guard isFolder.boolValue else {
                for path in paths { Connection.test(try read(path), service) }
                return print("\(paths.count) inputs were sent")
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: first).sorted()
            try make(try names.map { try read("\(first)/\($0)") }, service)
        #endif
    }

    private static func read(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }

    private static func make(_ corpus: [[UInt8]], _ service: Service) throws {
        func number(_ name: String) -> UInt64? { ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } }
        let seed = number("CLOSTER_FUZZ_SEED") ?? .random(in: 1...999_999)
        let most = number("CLOSTER_FUZZ_RUNS")
        let time = Duration.seconds(Int64(number("CLOSTER_FUZZ_SECONDS") ?? 20))
        let input = ProcessInfo.processInfo.environment["CLOSTER_FUZZ_INPUT"].map { URL(filePath: $0) }
        print("seed \(seed), \(corpus.count) inputs to begin with")
        for bytes in corpus { try test(bytes, service, input) }
        var mutator = Mutator(seed: seed, corpus: corpus)
        let start = ContinuousClock.now
        var runs: UInt64 = 0
        while most.map({ runs < $0 }) ?? (ContinuousClock.now - start < time) {
            try test(mutator.input(), service, input)
            runs += 1
        }
        print("\(runs) inputs were sent, and all connections ended as they should")
        if let input { try FileManager.default.removeItem(at: input) }
    }

    private static func test(_ bytes: [UInt8], _ service: Service, _ input: URL?) throws {
        if let input { try Data(bytes).write(to: input) }
        // Whoever does not come to an end is ended.
        alarm(longest)
        Connection.test(bytes, service)
    }

    #if CLOSTER_LIBFUZZER
        nonisolated(unsafe) private static var service: Service?

        private static func test(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
            do {
                let service = try service ?? Service()
                self.service = service
                Connection.test(Array(UnsafeBufferPointer(start: bytes, count: count)), service)
            } catch {
                fail("the service cannot begin: \(error)")
            }
            return 0
        }
    #endif
}
