#if DEBUG && !CLOSTER_LIBFUZZER
import Foundation

/// Sends the transport what nobody's client sends.
///
///     closter-fuzz FOLDER     the inputs in the folder, and what can be made of them
///     closter-fuzz FILE...    each of these once
///
/// CLOSTER_FUZZ_SEED chooses what is made, CLOSTER_FUZZ_SECONDS or CLOSTER_FUZZ_RUNS how much. The input that is being
/// sent lies in the file CLOSTER_FUZZ_INPUT, and is there still when it has ended the process.
@main
struct Fuzz {
    /// In seconds. Most inputs take a thousandth of one.
    private static let longest: UInt32 = 60

    static func main() throws {
        Jobs.take()
        let paths = Array(CommandLine.arguments.dropFirst())
        guard let first = paths.first else { fail("name a folder or files") }
        let service = try Service()
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: first, isDirectory: &isFolder), isFolder.boolValue else {
            for path in paths { Connection.test(try read(path), service) }
            return print("\(paths.count) inputs were sent")
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: first).sorted()
        try make(try names.map { try read("\(first)/\($0)") }, service)
    }

    private static func read(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }

    private static func make(_ corpus: [[UInt8]], _ service: Service) throws {
        let environment = ProcessInfo.processInfo.environment
        func number(_ name: String) -> UInt64? { environment[name].flatMap { UInt64($0) } }
        let seed = number("CLOSTER_FUZZ_SEED") ?? .random(in: 1...999_999)
        let most = number("CLOSTER_FUZZ_RUNS")
        let time = Duration.seconds(Int64(number("CLOSTER_FUZZ_SECONDS") ?? 20))
        let input = environment["CLOSTER_FUZZ_INPUT"].map { URL(filePath: $0) }
        FileHandle.standardError.write(Data("seed \(seed), \(corpus.count) inputs to begin with\n".utf8))
        for bytes in corpus { try test(bytes, service, input) }
        var mutator = Mutator(seed: seed, corpus: corpus)
        let start = ContinuousClock.now
        var runs: UInt64 = 0
        while most.map({ runs < $0 }) ?? (ContinuousClock.now - start < time) {
            try test(mutator.input(), service, input)
            runs += 1
        }
        print("\(runs) inputs were made and sent, and every connection ended as it should")
        if let input { try FileManager.default.removeItem(at: input) }
    }

    private static func test(_ bytes: [UInt8], _ service: Service, _ input: URL?) throws {
        if let input { try Data(bytes).write(to: input) }
        // Whoever does not come to an end is ended.
        alarm(longest)
        Connection.test(bytes, service)
    }
}
#elseif !DEBUG
/// It looks into the transport, which only a debug build lets it do.
@main
struct Fuzz {
    static func main() { fatalError("closter-fuzz needs a debug build") }
}
#endif
