import EventSourcing
import Foundation
import Testing

@testable import Projector

@Suite struct ChangedRowsTests {
    private struct Row: ProjectedRow {
        var tenant: TenantID
        var id: UUID
    }

    private func rows(_ count: Int, of tenant: TenantID) -> [Row] {
        (0..<count).map { _ in Row(tenant: tenant, id: UUID()) }
    }

    private let shop = TenantID(UUID())
    private let other = TenantID(UUID())

    @Test func `rows are named one by one, each with its tenant`() {
        let rows = rows(2, of: shop) + rows(1, of: other)
        let changed = ChangedRows(rows)
        #expect(changed.tenants == [shop.uuid, shop.uuid, other.uuid])
        #expect(changed.ids == rows.map(\.id))
    }

    @Test func `of very many it says whose they are, once`() {
        #expect(ChangedRows(rows(ChangedRows.most, of: shop)).ids.count == ChangedRows.most)
        let changed = ChangedRows(rows(ChangedRows.most, of: shop) + rows(1, of: other))
        #expect(Set(changed.tenants) == [shop.uuid, other.uuid])
        #expect(changed.ids == [nil, nil])
    }
}
