import Foundation
import Glibc
import JSON
import Postgres
import TestSupport
import Testing

/// Rebuilds while the services work, with the projector killed in the middle of some. `CLOSTER_TEST_REBUILDS` says how
/// many: the short form has three.
@Suite(.serialized) struct RebuildTests {
    @Test func `rebuilds under load, some of them killed in the middle, change no answer`() async throws {
        let count = Int(ProcessInfo.processInfo.environment["CLOSTER_TEST_REBUILDS"] ?? "") ?? 3
        try await Instance.with { instance in
            _ = try await instance.importFile(Self.catalogue(of: count > 3 ? 8_000 : 1_500))
            var before = 0.0
            let load = try await SteadyLoad.during(instance) { load in
                // So many reads show how it is without a rebuild.
                try await eventually("there is a base to compare with") { load.reads >= (count > 3 ? 4_000 : 200) }
                before = load.p99()
                for number in 1...count {
                    let isKilled = number % 3 == 2
                    let base = load.reads
                    async let outcome = instance.tool(["rebuild", "listings", "--json"])
                    if isKilled { try await killInTheMiddle(instance, after: number) }
                    let (status, output) = try await outcome
                    #expect(status == 0, "\(output)")
                    let death = isKilled ? ", with a death of the projector" : ""
                    print("p99 of reads in rebuild \(number)\(death): \(load.p99(since: base)) ms, \(before) ms before")
                }
            }
            #expect(load.failures.isEmpty, "\(load.failures.prefix(5))")
            let wrong = try await load.wrongAnswers()
            #expect(wrong.isEmpty, "\(wrong.prefix(5))")
            print("\(count) rebuilds, \(load.reads) reads, \(load.writes) writes, \(wrong.count) wrong answers")

            let connection = try await instance.database.connect()
            let ends = try await connection.query("SELECT status, count(*) FROM main.rebuilds GROUP BY status")
            #expect(ends.count == 1)
            #expect(try ends[0].decode(0, as: String.self) == "done")
            #expect(try ends[0].decode(1, as: Int.self) == count)
            await connection.close()
        }
    }

    /// Kills the projector when the rebuild has got a little way, and starts it again.
    private func killInTheMiddle(_ instance: Instance, after number: Int) async throws {
        let connection = try await instance.database.connect()
        try await eventually("rebuild \(number) is under way") {
            let rows = try await connection.query(
                "SELECT count(*) FROM main.rebuilds WHERE ended_at IS NULL AND status <> 'requested'")
            return try rows[0].decode(0, as: Int.self) == 1
        }
        await connection.close()
        _ = await instance.kill(.projector)
        try await instance.start(.projector)
    }

    /// A catalogue of a shop: so many products, all of them published.
    private static func catalogue(of count: Int) -> String {
        var text = "Handle,Title,Vendor,Type,Published,Variant Inventory Qty,Variant Price\n"
        for number in 0..<count { text += "p\(number),Coat \(number),Nordhem,Coats,true,1,\(100 + number % 400)\n" }
        return text
    }
}
