import ArgumentParser
import Foundation

/// Measures a running instance side by side with its peers, in alternating rounds, and prints the table.
///
/// `deploy/bench` builds, starts an instance of its own, and runs this.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "closter-bench", abstract: "Measure an instance against its peers in the same run.")

    @Option(help: "The instance's local.env.")
    var environment: String
    @Option(help: "The folder of pgbench.")
    var postgres: String
    @Option(help: "The folder with catalogue.sql.")
    var scripts: String
    @Option(help: "Rounds of each pair; the median counts.")
    var rounds = 5
    @Option(help: "Seconds of each measurement.")
    var seconds = 10
    @Option(help: "Items of the catalogue; each has five events.")
    var items = 20_000
    @Option(help: "Rows to measure, by name, separated by commas; all where none is named.")
    var only: String?
    @Flag(help: "Also compare with a hundred times the events.")
    var large = false
    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let instance = try await Instance(environmentFile: environment, postgres: postgres)
        let plan = Plan(rounds: rounds, seconds: seconds)
        var table = Table()
        let wanted = only.map { Set($0.split(separator: ",").map(String.init)) }
        func measure(_ name: String, _ body: () async throws -> [Row]) async throws {
            guard wanted?.contains(name) ?? true else { return }
            note("measuring \(name)")
            table.rows += try await body()
        }

        note("preparing \(items * 5) events of \(Instance.tenants) tenants")
        try await instance.prepare()
        try await measure("idle") { try Memory.rows(of: instance, "idle") }
        try await instance.fill(items: items, scripts: scripts)
        let peer = try await Peer(instance)
        let writes = Writes(instance: instance, peer: peer, plan: plan)
        let reads = try await Reads(instance: instance, peer: peer, plan: plan)
        try await measure("get") { try await reads.byID() }
        try await measure("page") { try await reads.page() }
        try await measure("intents") { try await writes.intents() }
        try await measure("visible") { try await Visibility(instance: instance, plan: plan).rows() }
        try await measure("loaded") { try Memory.rows(of: instance, "loaded") }
        try await measure("rebuild") { try await Rebuilds(instance: instance).rows() }
        if large {
            try await measure("growth") {
                let small = (try await writes.rate(), try await reads.rate())
                try await instance.fill(items: items * 99, scripts: scripts)
                try await reads.refresh()
                let big = (try await writes.rate(), try await reads.rate())
                return [
                    Row(
                        "cost of an intent, 100 times the events", ours: small.0 / big.0, unit: "×", near: 1.3,
                        reach: 1.2, isLessBetter: true),
                    Row(
                        "cost of a GET by id, 100 times the events", ours: small.1 / big.1, unit: "×", near: 1.3,
                        reach: 1.2, isLessBetter: true),
                ] + (try await Rebuilds(instance: instance).rows())
            }
        }
        print(json ? table.json : table.text)
    }
}

/// How often and how long is measured.
struct Plan: Sendable {
    var rounds: Int
    var seconds: Int

    /// Ours and theirs by turns, so that what else the machine does falls on both; the medians.
    func alternate(
        _ ours: () async throws -> Double, _ theirs: () async throws -> Double
    ) async throws -> (ours: Double, theirs: Double) {
        var mine: [Double] = []
        var other: [Double] = []
        for _ in 0..<rounds {
            mine.append(try await ours())
            other.append(try await theirs())
        }
        return (mine.median, other.median)
    }
}

extension [Double] {
    var median: Double { isEmpty ? .nan : sorted()[count / 2] }

    func percentile(_ percent: Double) -> Double {
        isEmpty ? .nan : sorted()[Swift.min(count - 1, Int(Double(count) * percent / 100))]
    }
}

/// A word to whoever waits; results go to standard output.
func note(_ text: String) { FileHandle.standardError.write(Data("bench: \(text)\n".utf8)) }

struct Failure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
