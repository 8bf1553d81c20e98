import Postgres

/// That the database was restored, as it was put down there.
struct Declaration: Equatable, Sendable {
    var epoch: Int64
    /// Tasks of the outbox that wait for somebody to decide about them.
    var held: Int64

    static func make(_ connection: PostgresConnection) async throws -> Declaration {
        let row = try await connection.query(
            "SELECT d.new_epoch, d.held FROM main.declare_restored(\(Requester.name)) d")[0]
        return Declaration(epoch: try row.decode(0), held: try row.decode(1))
    }
}
