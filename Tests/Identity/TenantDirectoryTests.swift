import EventSourcing
import Foundation
import Postgres
import Testing

@testable import Identity

@Suite struct TenantDirectoryTests {
    private let clock = ManualClock()
    private let loads = Tally()
    private let tenantID = TenantID(UUID())
    private let isUp = Box(true)
    private let version = Box(Int64(1))

    private func directory(_ limits: TenantDirectory.Limits = .init()) throws -> TenantDirectory {
        let pln = try #require(Currency(code: "PLN"))
        return TenantDirectory(limits: limits, now: { [clock] in clock.instant }) {
            [loads, tenantID, isUp, version] slug throws(PostgresError) in
            loads.count()
            guard isUp.value else { throw PostgresError(.connectionFailed, "down") }
            guard slug.hasPrefix("demo") else { return nil }
            return Tenant(
                id: tenantID, shard: "main", version: version.value,
                record: TenantRecord(slug: slug, name: "Demo", currency: pln, timeZone: "UTC"))
        }
    }

    @Test func `a record is at most a second old`() async throws {
        let directory = try directory()
        #expect(try await directory.tenant(slug: "demo", for: .write)?.version == 1)
        version.value = 2

        clock.advance(by: .milliseconds(999))
        #expect(try await directory.tenant(slug: "demo", for: .read)?.version == 1)
        #expect(loads.value == 1)
        clock.advance(by: .milliseconds(1))
        #expect(try await directory.tenant(slug: "demo", for: .read)?.version == 2)
        #expect(loads.value == 2)
    }

    @Test func `whoever changed a tenant sees the change at once`() async throws {
        let directory = try directory()
        _ = try await directory.tenant(slug: "demo", for: .write)
        version.value = 2
        directory.invalidate(slug: "demo")

        #expect(try await directory.tenant(slug: "demo", for: .write)?.version == 2)
    }

    @Test func `a slug that names no tenant is remembered for a second, and what cannot be a slug costs nothing`()
        async throws
    {
        let directory = try directory()
        for _ in 0..<5 { #expect(try await directory.tenant(slug: "nobody", for: .read) == nil) }
        #expect(loads.value == 1)
        for slug in ["", "No Body", "x'; DROP TABLE", "żółw"] {
            #expect(try await directory.tenant(slug: slug, for: .read) == nil)
        }
        #expect(loads.value == 1)
    }

    @Test func `while the database is away reads go on for a minute and writes do not`() async throws {
        let directory = try directory()
        _ = try await directory.tenant(slug: "demo", for: .read)
        isUp.value = false

        clock.advance(by: .seconds(2))
        #expect(try await directory.tenant(slug: "demo", for: .read)?.slug == "demo")
        await #expect(throws: PostgresError.self) { try await directory.tenant(slug: "demo", for: .write) }
        clock.advance(by: .seconds(57))
        #expect(try await directory.tenant(slug: "demo", for: .read)?.slug == "demo")
        clock.advance(by: .seconds(1))
        await #expect(throws: PostgresError.self) { try await directory.tenant(slug: "demo", for: .read) }

        isUp.value = true
        #expect(try await directory.tenant(slug: "demo", for: .write)?.slug == "demo")
    }

    @Test func `reads that are served stale do not all knock at the database`() async throws {
        let directory = try directory()
        _ = try await directory.tenant(slug: "demo", for: .read)
        isUp.value = false
        clock.advance(by: .seconds(2))

        for _ in 0..<50 { _ = try await directory.tenant(slug: "demo", for: .read) }

        #expect(loads.value == 2)
    }

    @Test func `a hundred requests at once look once`() async throws {
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        let asked = Tally()
        let loads = loads
        let directory = TenantDirectory { _ throws(PostgresError) in
            loads.count()
            for await _ in gate { break }
            return nil
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    asked.count()
                    _ = try await directory.tenant(slug: "demo", for: .read)
                }
            }
            while asked.value < 100 { await Task.yield() }
            opener.yield()
            opener.finish()
            try await group.waitForAll()
        }
        // Tasks that came late find the answer of the first.
        #expect(loads.value == 1)
    }

    @Test func `made-up slugs are forgotten before tenants are`() async throws {
        var limits = TenantDirectory.Limits()
        limits.maximumEntries = 100
        let directory = try directory(limits)
        _ = try await directory.tenant(slug: "demo", for: .read)
        for number in 0..<500 { _ = try await directory.tenant(slug: "nobody-\(number)", for: .read) }
        #expect(loads.value == 501)

        _ = try await directory.tenant(slug: "demo", for: .read)

        #expect(loads.value == 501)
    }

    @Test func `a look-up that a change has overtaken is not remembered`() async throws {
        // given a look-up that read the old record and has not answered yet
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        let loads = loads
        let version = version
        let tenantID = tenantID
        let pln = try #require(Currency(code: "PLN"))
        let directory = TenantDirectory { slug throws(PostgresError) in
            let read = version.value
            if loads.count() == 1 { for await _ in gate { break } }
            return Tenant(
                id: tenantID, shard: "main", version: read,
                record: TenantRecord(slug: slug, name: "Demo", currency: pln, timeZone: "UTC"))
        }
        let early = Task { try await directory.tenant(slug: "demo", for: .write)?.version }
        while loads.value == 0 { await Task.yield() }
        // when the tenant changes meanwhile
        version.value = 2
        directory.invalidate(slug: "demo")
        let late = try await directory.tenant(slug: "demo", for: .write)?.version
        opener.yield()
        // then who asks afterwards sees the change, and goes on seeing it
        #expect(try await early.value == 1)
        #expect(late == 2)
        #expect(try await directory.tenant(slug: "demo", for: .write)?.version == 2)
    }
}
