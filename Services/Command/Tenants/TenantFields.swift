import EventSourcing
import Identity
import JSON

extension TenantAccount.Refused {
    var code: String {
        switch self {
        case .unknown: "tenant_unknown"
        case .slugTaken: "slug_taken"
        case .lastOwner: "last_owner"
        case .keyUnknown: "key_unknown"
        case .keyEnded: "key_ended"
        case .permissionsOfPublishableKey: "permissions_not_allowed"
        }
    }

    var detail: String {
        switch self {
        case .unknown: "there is no such tenant"
        case .slugTaken(let slug): "there is another tenant with the slug \(slug.quoted)"
        case .lastOwner: "a tenant keeps at least one member with every permission"
        case .keyUnknown: "there is no such key"
        case .keyEnded: "the key was revoked, or another has taken its place"
        case .permissionsOfPublishableKey: "a publishable key only reads"
        }
    }

    var pointer: String? {
        switch self {
        case .slugTaken: "/slug"
        case .permissionsOfPublishableKey: "/permissions"
        case .unknown, .lastOwner, .keyUnknown, .keyEnded: nil
        }
    }
}

extension TenantAccount.Create {
    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["slug", "name", "currency", "time_zone"])
        let slug = reader.required("slug") { value, pointer throws(InvalidFields) in
            let slug = try Field.string(value, pointer)
            guard TenantRecord.isValid(slug: slug) else {
                throw .one(pointer, .invalid, "must be 3 to 40 of a–z, 0–9 and -, beginning with a letter")
            }
            return slug
        }
        let name = reader.required("name") { value, pointer throws(InvalidFields) in
            try Field.text(limit: 200, value, pointer)
        }
        let currency = reader.required("currency", Field.currency)
        let timeZone = reader.required("time_zone", Field.timeZone)
        guard let slug, let name, let currency, let timeZone else { throw InvalidFields(errors: reader.errors) }
        self = try reader.finish(Self(slug: slug, name: name, currency: currency, timeZone: timeZone))
    }
}

extension TenantAccount.SetMember {
    /// From the body of a request: a role, permissions, or both. The permissions can be granted: they are known.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["subject", "name", "role", "permissions"])
        let subject = reader.required("subject") { value, pointer throws(InvalidFields) in
            try Field.text(limit: 200, value, pointer)
        }
        let name = reader.optional("name") { value, pointer throws(InvalidFields) in
            try Field.text(limit: 200, value, pointer)
        }
        let role = reader.optional("role") { value, pointer throws(InvalidFields) in
            try Field.choice(Role.self, value, pointer)
        }
        let read = { (value: JSONValue, pointer: String) throws(InvalidFields) in
            try Permission.read(value, pointer, among: Permission.known)
        }
        let permissions =
            (body["role"] ?? .null).isNull
            ? reader.required("permissions", read) : reader.optional("permissions", read)
        guard let subject else { throw InvalidFields(errors: reader.errors) }
        self = try reader.finish(
            Self(subject: subject, name: name, role: role, permissions: permissions ?? []))
    }
}

extension TenantAccount.CreateKey {
    /// What a key may be allowed to do.
    static let grantable: [Permission] = [.offersCreate, .ordersCreate]

    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["kind", "name", "permissions", "allowed_origins"])
        let kind = reader.required("kind") { value, pointer throws(InvalidFields) in
            try Field.choice(APIKey.Kind.self, value, pointer)
        }
        let name = reader.optional("name") { value, pointer throws(InvalidFields) in
            try Field.text(limit: 200, value, pointer)
        }
        let permissions = reader.optional("permissions") { value, pointer throws(InvalidFields) in
            try Permission.read(value, pointer, among: Self.grantable)
        }
        let origins = reader.optional("allowed_origins", Field.origins)
        guard let kind else { throw InvalidFields(errors: reader.errors) }
        self = try reader.finish(
            Self(kind: kind, name: name, permissions: permissions ?? [], allowedOrigins: origins ?? []))
    }

}

extension TenantAccount {
    /// For how many hours a key that is rotated goes on; 24 where the body says nothing.
    static func graceHours(fields body: JSONObject) throws(InvalidFields) -> Int64 {
        var reader = FieldReader(body, known: ["grace_hours"])
        let hours = reader.optional("grace_hours") { value, pointer throws(InvalidFields) in
            try Field.integer(in: 0...720, value, pointer)
        }
        return try reader.finish(hours ?? 24)
    }
}

extension TenantAccount.ChangeKey {
    /// From the body of a request; null takes the name away.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["name", "allowed_origins"])
        var changes: JSONObject = [:]
        if body["name"] == .null {
            changes["name"] = .null
        } else if body["name"] != nil {
            changes["name"] = reader.required("name") { value, pointer throws(InvalidFields) in
                .string(try Field.text(limit: 200, value, pointer))
            }
        }
        if body["allowed_origins"] != nil {
            changes["allowed_origins"] = reader.required("allowed_origins") { value, pointer throws(InvalidFields) in
                .array(try Field.origins(value, pointer).map(JSONValue.string))
            }
        }
        self.init(changes: try reader.finish(changes))
    }
}

extension Field {
    static func timeZone(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        guard let days = CalendarDays(timeZone: try string(value, pointer)) else {
            throw .one(pointer, .invalid, "must be a time zone's IANA name, like Europe/Warsaw")
        }
        return days.timeZone
    }

    /// `*`, or origins as browsers send them: scheme, host and port, in lower case, without a path.
    static func origins(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> [String] {
        guard let elements = value.arrayValue else { throw .wrongType(pointer, "an array", value) }
        guard elements.count <= 50 else { throw .one(pointer, .tooMany, "must not hold more than 50 origins") }
        var origins: [String] = []
        for (index, element) in elements.enumerated() {
            let origin = try Field.text(limit: 300, element, "\(pointer)/\(index)")
            guard isOrigin(origin) else {
                throw .one("\(pointer)/\(index)", .invalid, "must be * or an origin, like https://shop.example")
            }
            if !origins.contains(origin) { origins.append(origin) }
        }
        return origins
    }

    private static func isOrigin(_ text: String) -> Bool {
        if text == "*" { return true }
        guard let scheme = ["https://", "http://"].first(where: text.hasPrefix) else { return false }
        let host = text.dropFirst(scheme.count)
        return !host.isEmpty
            && host.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || ".-:[]".contains($0)) }
    }
}

extension Permission {
    static func read(
        _ value: JSONValue, _ pointer: String, among grantable: [Permission]
    ) throws(InvalidFields) -> Set<Permission> {
        guard let elements = value.arrayValue else { throw .wrongType(pointer, "an array", value) }
        var permissions: Set<Permission> = []
        var errors: [FieldError] = []
        for (index, element) in elements.enumerated() {
            if let permission = element.stringValue.map(Permission.init(rawValue:)), grantable.contains(permission) {
                permissions.insert(permission)
            } else {
                let names = grantable.map(\.rawValue).joined(separator: ", ")
                errors.append(
                    FieldError(pointer: "\(pointer)/\(index)", code: .invalid, detail: "must be one of \(names)"))
            }
        }
        guard errors.isEmpty else { throw InvalidFields(errors: errors) }
        return permissions
    }
}
