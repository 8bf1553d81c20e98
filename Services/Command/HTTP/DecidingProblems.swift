import Edge
import Events
import HTTPTypes

extension Problem {
    /// What stood in an intent's way, as a client is told; nil for what is no outcome of deciding.
    init?(deciding error: any Error) {
        switch error {
        case let invalid as InvalidFields:
            self.init(
                .invalidFields, "the request has fields that cannot be taken",
                errors: invalid.errors.map {
                    .init(pointer: $0.pointer, code: $0.code.rawValue, detail: $0.detail)
                })
        case Item.Refused.unknown, Item.Refused.deleted: self.init(.notFound, "there is no such item")
        case Listing.Refused.unknown: self.init(.notFound, "there is no such listing")
        case Intake.Refused.unknown: self.init(.notFound, "there is no such intake")
        case Stocktake.Refused.unknown: self.init(.notFound, "there is no such stock-take")
        case Valuation.Refused.unknown: self.init(.notFound, "there is no such valuation")
        case Location.Refused.unknown: self.init(.notFound, "there is no such location")
        case Contract.Refused.unknown: self.init(.notFound, "there is no such contract")
        case Contract.Refused.notReady(let rules):
            self.init(
                .refused, "the contract is not ready",
                errors: rules.filter { !$0.held }.map { .init(pointer: "", code: $0.rule, detail: $0.reason) })
        case Import.Refused.unknown: self.init(.notFound, "there is no such import")
        case TenantAccount.Refused.keyUnknown: self.init(.notFound, "there is no such key")
        case Offer.Refused.unknown: self.init(.notFound, "there is no such offer")
        case Consignor.Refused.unknown: self.init(.notFound, "there is no such consignor")
        case Consignor.Refused.notErasable(let obstacles) where !obstacles.isEmpty:
            self.init(
                .refused, Consignor.Refused.notErasable(obstacles).detail,
                errors: obstacles.map { .init(pointer: "", code: $0.code, detail: $0.detail) })
        case let refusal as any Refusal: self.init(.refused, refusal)
        case ExecutionFailure.claimed(let kind, let value, _, let wasGuard):
            let refusal = ClaimRefusal(kind: kind, value: value, wasGuard: wasGuard)
            self.init(wasGuard ? .refused : .claimTaken, refusal)
        case let failure as ExecutionFailure: self.init(failure)
        default: return nil
        }
    }

    private init(_ code: Code, _ refusal: any Refusal) {
        self.init(
            code, refusal.detail,
            errors: [.init(pointer: refusal.pointer ?? "", code: refusal.code, detail: refusal.detail)])
    }

    private init?(_ failure: ExecutionFailure) {
        switch failure {
        case .preconditionFailed(let actual):
            self.init(.preconditionFailed, "the resource is at version \(actual)")
        case .conflict:
            self.init(.conflict, "others changed it at the same time, again and again; read it and decide again")
        case .keyReused:
            self.init(.idempotencyKeyReused, "the Idempotency-Key was used for another request")
        case .keyInFlight:
            self.init(.requestInProgress, "the first request with this Idempotency-Key is still being worked on")
        case .unavailable:
            self.init(.unavailable, "the database is away; nothing was changed", retryAfter: 1)
        case .outcomeUnknown(let key):
            self.init(
                .outcomeUnknown,
                "whether the request took effect is not known; repeat it with the Idempotency-Key \(key) to find out",
                retryAfter: 1)
            headers[.idempotencyKey] = key
        case .claimed:
            return nil
        }
    }
}
