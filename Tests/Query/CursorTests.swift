import EventSourcing
import Foundation
import Testing

@testable import Query

@Suite struct CursorTests {
    private let tenant = TenantID(UUID())

    private func scope(
        _ resource: String = "items", visibility: Visibility = .full, sort: String = "-created_at",
        filters: [(String, String)] = []
    ) -> CursorScope {
        var scope = CursorScope(resource: resource, tenant: tenant, visibility: visibility, sort: sort)
        for (name, value) in filters { scope.add(name, value) }
        return scope
    }

    @Test(arguments: [nil, 0, 1, -1, .max, .min] as [Int64?])
    func `a cursor names the place it was made for`(value: Int64?) {
        let keyset = Keyset(value: value, id: UUID())
        #expect(scope().keyset(scope().cursor(keyset)) == keyset)
    }

    @Test func `a cursor is refused by every other scope`() {
        let cursor = scope().cursor(Keyset(value: 7, id: UUID()))
        let others = [
            scope("listings"), scope(visibility: .storefront), scope(sort: "price"), scope(filters: [("brand", "A")]),
            CursorScope(resource: "items", tenant: TenantID(UUID()), visibility: .full, sort: "-created_at"),
        ]
        for other in others { #expect(other.keyset(cursor) == nil) }
    }

    @Test func `filters that read alike when run together are told apart`() {
        let cursor = scope(filters: [("brand", "ab")]).cursor(Keyset(value: 7, id: UUID()))
        #expect(scope(filters: [("branda", "b")]).keyset(cursor) == nil)
    }

    @Test func `a damaged cursor is refused`() {
        let cursor = Array(scope().cursor(Keyset(value: 7, id: UUID())))
        for index in cursor.indices {
            var damaged = cursor
            damaged[index] = damaged[index] == "A" ? "B" : "A"
            #expect(scope().keyset(String(damaged)) == nil)
        }
        #expect(scope().keyset("") == nil)
        #expect(scope().keyset(String(repeating: "A", count: 2000)) == nil)
    }
}
