import Edge
import EventSourcing
import EventStore
import Foundation
import Identity
import Synchronization

/// SKUs of the tenants' patterns, each given once by all processes together.
///
/// Numbers come in blocks that are reserved in the database; what a process has not used when it ends is a gap. A SKU
/// that somebody has typed before is passed over: what is held already is asked for beforehand, and the claim that goes
/// with the item decides.
final class SKUSupply: Sendable {
    private struct Block {
        var next: Int64
        var end: Int64
    }

    private let sequences: Sequences
    private let reader: StateReader
    private let blocks = Mutex<[TenantID: Block]>([:])
    private let turns = KeyedLock<TenantID>()

    /// Numbers that are reserved at once.
    private static let block: Int64 = 100
    private static let patience = Duration.seconds(5)
    /// Rounds in which everything that came was taken already, before it is given up.
    private static let rounds = 1000
    // STORED NAME (of a sequence).
    private static let sequence = "sku"

    init(sequences: Sequences, reader: StateReader) {
        self.sequences = sequences
        self.reader = reader
    }

    /// Different ones, that nobody held a moment ago, and none of those that are excepted.
    func take(
        _ count: Int, of tenant: TenantID, _ pattern: SKUPattern, on day: (year: Int, month: Int),
        except: Set<String> = []
    ) async throws -> [String] {
        var skus: [String] = []
        for _ in 0..<Self.rounds where skus.count < count {
            let numbers = try await numbers(count - skus.count, of: tenant)
            let candidates = numbers.map { pattern.sku($0, on: day) }
            let held = try await reader.holders(tenant, kind: ClaimKind.sku, values: candidates)
            skus += candidates.filter { held[$0] == nil && !except.contains($0) }
        }
        guard skus.count == count else { throw ExecutionFailure.conflict }
        return skus
    }

    private func numbers(_ count: Int, of tenant: TenantID) async throws -> [Int64] {
        do {
            return try await turns.withLock(tenant, patience: Self.patience) {
                var numbers = use(count, of: tenant)
                let missing = Int64(count - numbers.count)
                guard missing > 0 else { return numbers }
                let size = max(missing, Self.block)
                let first = try await sequences.reserve(size, of: Self.sequence, tenant: tenant)
                blocks.withLock { $0[tenant] = Block(next: first, end: first + size) }
                numbers += use(Int(missing), of: tenant)
                return numbers
            }
        } catch is KeyedLock<TenantID>.TimedOut {
            throw ExecutionFailure.conflict
        }
    }

    /// As many as there are left of the tenant's block.
    private func use(_ count: Int, of tenant: TenantID) -> [Int64] {
        blocks.withLock { blocks in
            guard let block = blocks[tenant] else { return [] }
            let end = min(block.end, block.next + Int64(count))
            blocks[tenant] = end < block.end ? Block(next: end, end: block.end) : nil
            return Array(block.next..<end)
        }
    }
}

/// The SKUs that an intent gives, the same however often it is decided, until one proves to be taken.
struct GivenSKUs {
    private var skus: [UUID: String] = [:]
    private var passedOver = 0

    /// SKUs that may be taken by others between the look and the append, before the intent fails.
    private static let patience = 100

    subscript(item: UUID) -> String? { skus[item] }

    /// Gives one to each that has none yet.
    mutating func give(
        _ items: [UUID], by supply: SKUSupply, _ tenant: Tenant, at time: Timestamp, except: Set<String> = []
    ) async throws {
        let needy = items.filter { skus[$0] == nil }
        guard !needy.isEmpty else { return }
        let days = try Listing.Terms(tenant).days
        guard let pattern = SKUPattern(tenant.record.settings.skuPattern) else {
            throw Problem(.internalError, "the tenant's SKU pattern is not known here")
        }
        let taken = try await supply.take(
            needy.count, of: tenant.id, pattern, on: days.month(of: time), except: except)
        for (item, sku) in zip(needy, taken) { skus[item] = sku }
    }

    /// Whether an intent failed only because one of these was taken meanwhile: it is decided again with another.
    mutating func passOver(_ error: any Error) -> Bool {
        guard case ExecutionFailure.claimed(ClaimKind.sku, let value, _, _) = error,
            let item = skus.first(where: { $0.value == value })?.key, passedOver < Self.patience
        else { return false }
        passedOver += 1
        skus[item] = nil
        return true
    }
}
