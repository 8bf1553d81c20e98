import EventSourcing
import Foundation
import JSON
import Synchronization
import TestSupport

/// What the clients of a tenant know to be there.
final class Stock: Sendable {
    private let state = Mutex((items: [String](), listings: [String]()))

    func add(item: String) { state.withLock { $0.items.append(item) } }
    func add(listing: String) { state.withLock { $0.listings.append(listing) } }

    /// One of the latest, so that clients meet on it.
    func item(_ chance: inout Chance) -> String? { chance.pick(Array(state.withLock { $0.items.suffix(20) })) }
    func listing(_ chance: inout Chance) -> String? { chance.pick(Array(state.withLock { $0.listings.suffix(20) })) }
}

/// A client of the command service that keeps book of every intent. It reads some of what it wrote, too.
struct Client {
    let instance: Instance
    let tenant: String
    let stock: Stock
    let history: History
    var chance: Chance

    /// The longest a client waits for an answer.
    static let patience = Duration.seconds(3)

    mutating func run(while isWanted: @Sendable () -> Bool) async {
        while isWanted() {
            await act()
            // The pace of the load.
            try? await Task.sleep(for: chance.milliseconds(1...10))
        }
    }

    mutating func act() async {
        let request = next()
        let started = ContinuousClock.now
        var outcome: Recorded.Outcome
        if chance.happens(0.05) {
            // An impatient client: the same twice at once.
            async let first = send(request)
            async let second = send(request)
            outcome = await first.then(await second)
        } else {
            outcome = await send(request)
        }
        // Some of what is unknown is left so.
        let repeats = chance.happens(0.3) ? 0 : 5
        for _ in 0..<repeats {
            guard case .unknown = outcome else { break }
            try? await Task.sleep(for: chance.milliseconds(20...400))
            outcome = outcome.then(await send(request))
        }
        history.record(
            Recorded(request: request, started: started, ended: .now, outcome: outcome, phase: history.phase))
        guard case .ok(let answer) = outcome, let id = answer["id"].stringValue else { return }
        if request.path == "/v1/items" { stock.add(item: id) }
        if request.path == "/v1/listings" { stock.add(listing: id) }
        if chance.happens(0.1) { await readBack(answer, id, request) }
    }

    // MARK: What it asks for

    private mutating func next() -> Request {
        let draw = chance.number(0...99)
        let key = UUID.version7().text
        func request(_ path: String, _ body: JSONValue? = nil, _ method: String = "POST") -> Request {
            Request(tenant: tenant, key: key, method: method, path: path, body: body)
        }
        guard draw >= 25, let item = stock.item(&chance) else {
            var body: JSONObject = ["title": .string("Coat \(draw)"), "condition": "good", "brand": "Nordhem"]
            // Few enough values that some are taken.
            if chance.happens(0.3) { body["sku"] = .string("S-\(chance.number(1...2000))") }
            return request("/v1/items", .object(body))
        }
        let price: JSONValue = ["amount": .integer(Int64(chance.number(100...90_000))), "currency": "PLN"]
        switch draw {
        case ..<45:
            let channel = chance.pick(["storefront", "market"]) ?? ""
            return request(
                "/v1/listings", ["item_id": .string(item), "price": price, "channel": .string(channel)])
        case ..<57: return request("/v1/items/\(item)", ["size": .string("\(draw)")], "PATCH")
        case ..<60: return request("/v1/items/\(item)", ["reason": "lost"], "DELETE")
        default: break
        }
        guard let listing = stock.listing(&chance) else {
            return request("/v1/items/\(item)", ["color": "red"], "PATCH")
        }
        let path = "/v1/listings/\(listing)"
        return switch draw {
        case ..<72: request("\(path)/publish")
        case ..<88: request("\(path)/price", ["price": price])
        case ..<92: request("\(path)/pause")
        case ..<96: request("\(path)/resume")
        case 96, 97: request("\(path)/end", ["reason": "withdrawn"])
        default: request("\(path)/end", ["reason": "sold", "price": price])
        }
    }

    // MARK: What comes of it

    func send(_ request: Request) async -> Recorded.Outcome {
        var headers = instance.asOperator.merging([
            "Closter-Tenant": request.tenant, "Idempotency-Key": request.key,
        ]) { $1 }
        if request.body != nil { headers["Content-Type"] = "application/json" }
        do {
            let answer = try await instance.send(
                request.method, .command, request.path, headers, body: request.body?.bytes, timeout: Self.patience)
            return judge(answer, request)
        } catch {
            return .unknown("\(error)")
        }
    }

    private func judge(_ answer: Instance.Answer, _ request: Request) -> Recorded.Outcome {
        let code = answer["code"].stringValue ?? ""
        switch (answer.status, code) {
        case (200...299, _): return .ok(answer)
        case (409, "request_in_progress"), (503, "outcome_unknown"): return .unknown(code)
        case (503, "unavailable"), (400...499, _): return .fail(status: answer.status, code: code)
        default:
            history.complain(
                Violation(.unexpected, "\(request.method) \(request.path): \(answer.status) \(answer.text)"))
            return .unknown("\(answer.status)")
        }
    }

    /// A read after a write, with the write's token, shows the write or says that it cannot yet.
    private func readBack(_ written: Instance.Answer, _ id: String, _ request: Request) async {
        let isItem = id.hasPrefix("item_")
        let path = "/v1/\(isItem ? "items" : "listings")/\(id)"
        let headers = instance.asOperator.merging([
            "Closter-Tenant": request.tenant, "Closter-After": written.headers["closter-position"] ?? "",
            "Prefer": "wait=1",
        ]) { $1 }
        guard let answer = try? await instance.send("GET", .query, path, headers, timeout: Self.patience) else {
            return
        }
        let expected = written["version"].integerValue ?? .max
        switch answer.status {
        case 200:
            let version = answer["version"].integerValue ?? 0
            if version < expected {
                history.complain(Violation(.stale, "\(path) at version \(version) after \(expected) was acknowledged"))
            }
        // A deleted item is not there any more.
        case 404 where isItem: break
        case 503: break
        default: history.complain(Violation(.unexpected, "GET \(path): \(answer.status) \(answer.text)"))
        }
    }
}
