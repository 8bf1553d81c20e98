import EventSourcing
import Events
import Foundation
import JSON

extension Intake.Open {
    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["location_id", "consignor_id", "note"])
        let location = reader.required("location_id", Field.location)
        let consignor = reader.optional("consignor_id", Field.consignor)
        let note = reader.optional("note", Field.reason)
        self.init(locationID: try reader.finish(location), consignorID: consignor, note: note)
    }
}

extension Intake.Change {
    /// From the body of a request; null clears an optional field.
    init(of item: UUID, fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ItemField.names + ["acquisition", "suggestions"])
        let changes = reader.changes(of: ItemField.allCases)
        let acquisition =
            body["acquisition"]?.isNull == true
            ? ItemAcquisition() : reader.optional("acquisition", AcquisitionFields.read)
        let suggestions = reader.optional("suggestions", Suggestions.read) ?? [:]
        self.init(
            itemID: item, changes: try reader.finish(changes), acquisition: acquisition, suggestions: suggestions)
    }
}

/// Readers of the bodies of requests on intakes.
enum IntakeFields {
    /// `{"items": [...]}`, or one item as it is. What has no condition is ungraded.
    ///
    /// - Parameter ids: for the items, as many as a request may enter.
    static func entries(_ body: JSONObject, ids: [UUID]) throws(InvalidFields) -> [IntakeItemsAdded.Entry] {
        guard body["items"] != nil else {
            let (entry, errors) = entry(body, ids[0])
            guard let entry, errors.isEmpty else { throw InvalidFields(errors: errors) }
            return [entry]
        }
        var reader = FieldReader(body, known: ["items"])
        let bodies = reader.required("items", batch)
        var errors: [FieldError] = []
        var entries: [IntakeItemsAdded.Entry] = []
        for (index, body) in (bodies ?? []).enumerated() {
            let (entry, wrong) = entry(body, ids[index])
            errors += wrong.map { $0.under("/items/\(index)") }
            if let entry { entries.append(entry) }
        }
        guard reader.errors.isEmpty, errors.isEmpty else { throw InvalidFields(errors: reader.errors + errors) }
        return entries
    }

    private static func entry(_ body: JSONObject, _ id: UUID) -> (IntakeItemsAdded.Entry?, [FieldError]) {
        var body = body
        let condition = ItemField.condition.rawValue
        if body[condition]?.isNull ?? true { body[condition] = "ungraded" }
        var reader = FieldReader(body, known: ItemField.names + ["acquisition", "suggestions"])
        let values = reader.values(of: ItemField.allCases)
        let acquisition = reader.optional("acquisition", AcquisitionFields.read)
        let suggestions = reader.optional("suggestions", Suggestions.read) ?? [:]
        guard reader.errors.isEmpty else { return (nil, reader.errors) }
        return (
            IntakeItemsAdded.Entry(itemID: id, values: values, acquisition: acquisition, suggestions: suggestions), []
        )
    }

    /// `{"items": [{"item_id", "outcome", ...}]}`
    static func verdicts(_ body: JSONObject) throws(InvalidFields) -> [Intake.Verdict] {
        var reader = FieldReader(body, known: ["items"])
        let bodies = reader.required("items", batch)
        var errors: [FieldError] = []
        var verdicts: [Intake.Verdict] = []
        for (index, body) in (bodies ?? []).enumerated() {
            do throws(InvalidFields) {
                verdicts.append(try verdict(body))
            } catch {
                errors += error.errors.map { $0.under("/items/\(index)") }
            }
        }
        guard reader.errors.isEmpty, errors.isEmpty else { throw InvalidFields(errors: reader.errors + errors) }
        return verdicts
    }

    /// What a verdict is called in a request.
    enum Outcome: String, CaseIterable {
        case accepted, rejected
        case needsAuthentication = "needs_authentication"

        var members: [String] {
            switch self {
            case .accepted: ["location_id"]
            case .rejected: ["reason", "fate"]
            case .needsAuthentication: ["authenticator"]
            }
        }
    }

    private static func verdict(_ body: JSONObject) throws(InvalidFields) -> Intake.Verdict {
        let known = body["outcome"]?.stringValue.flatMap(Outcome.init(rawValue:))?.members
        var reader = FieldReader(
            body, known: ["item_id", "outcome"] + (known ?? Outcome.allCases.flatMap(\.members)))
        let id = reader.required("item_id") { value, pointer throws(InvalidFields) in
            try Field.id(Item.prefix, value, pointer)
        }
        let name = reader.required("outcome") { value, pointer throws(InvalidFields) in
            try Field.choice(Outcome.self, value, pointer)
        }
        var outcome: Intake.Verdict.Outcome?
        switch name {
        case .accepted:
            outcome = .accepted(reader.optional("location_id", Field.location))
        case .rejected:
            let reason = reader.required("reason", Field.reason)
            let fate = reader.required("fate") { value, pointer throws(InvalidFields) in
                try Field.choice(IntakeItemRejected.Fate.self, value, pointer)
            }
            if let reason, let fate { outcome = .rejected(reason, fate) }
        case .needsAuthentication:
            if let authenticator = reader.required("authenticator", Field.custodian) {
                outcome = .needsAuthentication(authenticator)
            }
        case nil: break
        }
        guard let id, let outcome else { throw InvalidFields(errors: reader.errors) }
        return Intake.Verdict(itemID: id, outcome: try reader.finish(outcome))
    }

    /// The objects of an array, at least one and not too many.
    private static func batch(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> [JSONObject] {
        let objects = try Field.list(limit: Intake.batchLimit, value, pointer) {
            value, pointer throws(InvalidFields) in
            guard let object = value.objectValue else { throw .wrongType(pointer, "an object", value) }
            return object
        }
        guard !objects.isEmpty else { throw .one(pointer, .empty, "must not be empty") }
        return objects
    }

    static func authentication(of item: UUID, _ body: JSONObject) throws(InvalidFields) -> IntakeItemAuthenticated {
        var reader = FieldReader(body, known: ["outcome", "report", "cost", "bearer"])
        let outcome = reader.required("outcome") { value, pointer throws(InvalidFields) in
            try Field.choice(IntakeItemAuthenticated.Outcome.self, value, pointer)
        }
        let report = reader.optional("report", report)
        let cost = reader.optional("cost", Field.cost)
        let bearer = reader.optional("bearer") { value, pointer throws(InvalidFields) in
            try Field.choice(IntakeItemAuthenticated.Bearer.self, value, pointer)
        }
        if cost != nil, bearer == nil, body["bearer"]?.isNull ?? true {
            reader.fail("bearer", .required, "is required with a cost")
        }
        return IntakeItemAuthenticated(
            itemID: item, outcome: try reader.finish(outcome), report: report, cost: cost, bearer: bearer)
    }

    private static func report(
        _ value: JSONValue, _ pointer: String
    ) throws(InvalidFields) -> IntakeItemAuthenticated.Report {
        try Field.object(["sha256", "reference"], value, pointer) { reader in
            let digest = reader.required("sha256", Field.sha256)
            let reference = reader.required("reference") { value, pointer throws(InvalidFields) in
                try Field.text(limit: 500, value, pointer)
            }
            guard let digest, let reference else { return nil }
            return IntakeItemAuthenticated.Report(sha256: digest, reference: reference)
        }
    }

    static func nothing(_ body: JSONObject) throws(InvalidFields) {
        try FieldReader(body, known: []).finish(())
    }
}
