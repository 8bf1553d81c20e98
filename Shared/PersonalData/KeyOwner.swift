public import EventSourcing
public import Foundation

/// What part of a person's data a key opens: each part can be shredded at a time of its own. STORED NAMES: only ever add.
public enum PersonScope: String, CaseIterable, Sendable {
    /// Who somebody is and how to reach and pay them: goes at once when they are erased.
    case contact
    /// Who somebody is for the tax authorities: stays until its statutory retention is over.
    case tax
    /// A file of persons on its way in, of which the import is the "person": goes when the import has ended.
    case upload
}

/// Whose data a key opens. It goes into everything that is sealed, as authenticated data, so that neither a sealed value
/// nor a wrapped key can be put in another's place.
public struct KeyOwner: Hashable, Sendable {
    public var tenant: TenantID
    public var person: UUID
    public var scope: PersonScope

    public init(tenant: TenantID, person: UUID, scope: PersonScope) {
        self.tenant = tenant
        self.person = person
        self.scope = scope
    }

    /// STORED FORM: what was sealed with it opens with nothing else.
    func authenticated(_ purpose: String) -> [UInt8] {
        let parts = ["closter.personal.1", tenant.uuid.text, person.text, scope.rawValue, purpose]
        return Array(parts.joined(separator: "\0").utf8)
    }
}
