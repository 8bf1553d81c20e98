/// A transaction of the pool, valid inside the body it is given to. Its statements run one after the other.
public struct Transaction: Sendable {
    let run: @Sendable ([SQL]) async -> Result<[Rows], PostgresError>

    public func query(_ sql: SQL) async throws(PostgresError) -> Rows {
        guard let rows = try await run([sql]).get().last else { throw PostgresError(.connectionLost, "no result") }
        return rows
    }

    /// Several statements in one round trip.
    @discardableResult
    public func execute(_ statements: [SQL]) async throws(PostgresError) -> [Rows] {
        try await run(statements).get()
    }
}
