import Edge
import EventSourcing
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Postgres

/// Where an answer is read, and how far it reaches at least.
///
/// Made before the rows are read, so that `Closter-Position` is a lower bound of what they contain. With
/// `Closter-After` it is not made before the position is reached.
struct Standpoint: Sendable {
    var position: PositionToken
    /// Set when a wait was asked for and honoured, for `Preference-Applied`.
    var preference: String?
    var source: Source

    enum Source: String, Sendable { case projections, tables }

    func write(to headers: inout HTTPFields) {
        headers[.closterPosition] = position.text
        headers[.closterSource] = source.rawValue
        if let preference { headers[.preferenceApplied] = preference }
    }
}

/// Makes standpoints, and refuses those that cannot be had.
struct Standpoints: Sendable {
    var shard: String
    var follower: ShardFollower

    /// The live generation of a projection, once it holds what `Closter-After` asks for.
    func projection(
        _ projection: Projection, for tenant: Tenant, _ request: Request
    ) async throws -> (Generation, Standpoint) {
        let (view, generation) = try live(projection)
        guard let after = try after(request) else {
            return (generation, standpoint(.projections, view.epoch, tenant, generation.checkpoint, nil))
        }
        let wait = try Self.wait(request)
        let known = try await accept(after, for: tenant, view)
        var reached = generation
        if generation.checkpoint < after.position || known.epoch != view.epoch {
            guard await follower.reached(after.position, by: projection, within: .seconds(wait)) else {
                throw Problem(
                    .notYetVisible, "\(projection.rawValue) has not come to the position of Closter-After yet",
                    retryAfter: 1)
            }
            reached = try live(projection).1
        }
        let preference = wait > 0 ? "wait=\(wait)" : nil
        return (reached, standpoint(.projections, known.epoch, tenant, reached.checkpoint, preference))
    }

    /// The log and the operational tables, which hold everything that has been acknowledged.
    func tables(for tenant: Tenant, _ request: Request) async throws -> Standpoint {
        let after = try after(request)
        let wait = after == nil ? 0 : try Self.wait(request)
        guard let view = try await follower.look() else { throw Self.unavailable }
        if let after { _ = try await accept(after, for: tenant, view) }
        return standpoint(.tables, view.epoch, tenant, view.head, wait > 0 ? "wait=\(wait)" : nil)
    }

    func live(_ projection: Projection) throws -> (ShardView, Generation) {
        guard let view = follower.view, let generation = view.generations[projection] else { throw Self.unavailable }
        return (view, generation)
    }

    private static let unavailable = Problem(.unavailable, "the database has not answered yet", retryAfter: 1)

    private func standpoint(
        _ source: Standpoint.Source, _ epoch: Int64, _ tenant: Tenant, _ position: Int64, _ preference: String?
    ) -> Standpoint {
        Standpoint(
            position: PositionToken(shard: shard, epoch: epoch, tenant: tenant.id, position: position),
            preference: preference, source: source)
    }

    private func after(_ request: Request) throws -> PositionToken? {
        guard let text = try request.header(.closterAfter) else { return nil }
        guard let token = PositionToken(text) else {
            throw Problem(.invalidPosition, "Closter-After is not a token from a Closter-Position")
        }
        return token
    }

    /// Compares a token with what is known, and with the database where that is not enough.
    private func accept(_ token: PositionToken, for tenant: Tenant, _ view: ShardView) async throws -> ShardView {
        guard token.tenant == tenant.id else {
            throw Problem(.invalidPosition, "Closter-After is of another tenant")
        }
        var view = view
        let isPlain = token.shard == shard && token.epoch == view.epoch && token.position <= view.head
        if token.shard == shard, !isPlain {
            // Written, or restored, since the last look.
            guard let fresh = try await follower.look() else { throw Self.unavailable }
            view = fresh
        }
        guard token.shard == shard, token.epoch == view.epoch else {
            throw Problem(.invalidPosition, "Closter-After is of another database")
        }
        guard token.position <= view.head else {
            throw Problem(.invalidPosition, "Closter-After is beyond the end of the log")
        }
        return view
    }

    /// The seconds of `Prefer: wait=…` (RFC 7240 §4.3), 0 to 10; 0 where there is none. Other preferences are ignored.
    static func wait(_ request: Request) throws -> Int {
        guard let field = request.headers[.prefer] else { return 0 }
        for part in field.split(separator: ",") {
            let preference = part.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1)
            guard let name = preference.first?.trimmingCharacters(in: .whitespaces), name.lowercased() == "wait" else {
                continue
            }
            let value = preference.count == 2 ? preference[1].trimmingCharacters(in: .whitespaces) : ""
            guard let seconds = Int(value.hasPrefix("\"") ? String(value.dropFirst().dropLast()) : value),
                (0...10).contains(seconds)
            else { throw Problem(.invalidHeader, "Prefer: wait takes a whole number of seconds from 0 to 10") }
            // The first one counts, says the RFC.
            return seconds
        }
        return 0
    }
}

extension HTTPField.Name {
    /// Known to be legal, so the fallback is never used.
    static let preferenceApplied = Self("Preference-Applied") ?? .prefer
}
