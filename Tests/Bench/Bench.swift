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
    @Option(help: "deploy/run, by which the instance was started and is started again with other settings.")
    var launcher: String
    @Option(help: "Rounds of each pair; the median counts.")
    var rounds = 5
    @Option(help: "Seconds of each measurement.")
    var seconds = 10
    @Option(help: "Items of the catalogue; each has five events.")
    var items = 20_000
    @Option(help: "Rows to measure, by name, separated by commas; all where none is named.")
    var only: String?
    @Option(help: "Checked reads beside writers; a million where a measurement takes ten seconds or more.")
    var reads: Int?
    @Flag(help: "Also compare with a hundred times the events.")
    var large = false
    @Flag(help: "Print JSON.")
    var json = false

    /// What is measured with listings of its own.
    private static let ofShop = ["hot", "same", "slow", "fresh"]

    func run() async throws {
        var instance = try await Instance(environmentFile: environment, postgres: postgres, launcher: launcher)
        let plan = Plan(rounds: rounds, seconds: seconds)
        var table = Table()
        let wanted = only.map { Set($0.split(separator: ",").map(String.init)) }
        func isWanted(_ name: String) -> Bool { wanted?.contains(name) ?? true }
        func measure(_ name: String, _ body: () async throws -> [Row]) async throws {
            guard isWanted(name) else { return }
            note("measuring \(name)")
            table.rows += try await body()
        }

        note("preparing \(items * 5) events of \(Instance.tenants) tenants")
        try await instance.prepare()
        try await measure("idle") { try Memory.rows(of: instance, "idle") }
        try await instance.fill(items: items, scripts: scripts)
        table.conditions = try await Conditions(instance, plan)
        let peer = try await Peer(instance)
        let writes = Writes(instance: instance, peer: peer, plan: plan)
        let documents = try await Reads(instance: instance, peer: peer, plan: plan)
        try await measure("get") { try await documents.byID() }
        try await measure("page") { try await documents.page() }
        try await measure("intents") { try await writes.rows() }
        try await measure("visible") { try await Visibility(instance: instance, plan: plan).rows() }
        try await measure("loaded") { try Memory.rows(of: instance, "loaded") }
        try await measure("rebuild") { try await Rebuilds(instance: instance).rows(beside: documents) }
        if large {
            try await measure("growth") {
                try await Growth(instance: instance, plan: plan, writes: writes, reads: documents)
                    .rows(items: items, scripts: scripts)
            }
        }
        let reads = self.reads ?? min(1_000_000, seconds * 100_000)
        if Self.ofShop.contains(where: isWanted) {
            let shop = try await Shop(instance, listings: 200)
            try await measure("hot") { try await Hot(instance: instance, plan: plan, shop: shop).rows() }
            try await measure("same") {
                try await Same(instance: instance, shop: shop, count: min(100_000, seconds * 10_000)).rows()
            }
            try await measure("slow") { try await Slow(instance: instance, plan: plan, shop: shop).rows() }
            try await measure("fresh") {
                try await Fresh(instance: instance, plan: plan, shop: shop, reads: reads).rows()
            }
        }
        try await measure("handshakes") { try await Handshakes(instance: instance, plan: plan).rows() }
        if isWanted("visible") || isWanted("fresh") {
            instance = try await instance.restarted(["CLOSTER_DOORBELL": "off"])
            try await measure("visible") { try await Visibility(instance: instance, plan: plan, rings: false).rows() }
            try await measure("fresh") {
                let shop = try await Shop(instance, listings: 200)
                return try await Fresh(instance: instance, plan: plan, shop: shop, reads: reads, rings: false).rows()
            }
        }
        try await measure("connections") { try await Connections(instance: instance).rows() }
        print(json ? table.json : table.text)
    }
}

/// How often and how long is measured.
struct Plan: Sendable {
    var rounds: Int
    var seconds: Int

    /// Ours and theirs by turns, so that what else the machine does falls on all of them; the medians, in order.
    func alternate(_ measurements: [() async throws -> Double]) async throws -> [Double] {
        var results = measurements.map { _ in [Double]() }
        for _ in 0..<rounds {
            for (index, measurement) in measurements.enumerated() { results[index].append(try await measurement()) }
        }
        return results.map(\.median)
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
