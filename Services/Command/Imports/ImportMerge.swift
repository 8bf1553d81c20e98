import Documents
import Events
import JSON

/// The three-way merge of an item: what the file said at the last import (base), what it says now, what is current.
///
/// A field, and each attribute by itself, takes the file's value where that differs from the base and the current one
/// does not. Where both say the same, the base follows. What the file has no column for is left alone.
struct ImportMerge {
    /// The file's values after this import: the base of the next.
    private(set) var base: JSONObject
    /// The current values before and, merged, after.
    private(set) var current: JSONObject
    /// The fields that change.
    private(set) var changes: JSONObject = [:]
    /// Fields that the file changed, and so did somebody here.
    private(set) var kept: [String] = []

    init(base: JSONObject, current: JSONObject) {
        self.base = base
        self.current = current
    }

    init(_ item: ItemRecord) {
        base = item.imported?["values"]?.objectValue ?? [:]
        current = JSONObject(ItemField.allCases.map { ($0.rawValue, item.value(of: $0.rawValue) ?? .null) })
    }

    func merging(_ variant: ImportVariant) throws(InvalidFields) -> ImportMerge {
        var merge = self
        for (name, theirs) in variant.values {
            guard let field = ItemField(rawValue: name) else { continue }
            let before = merge.base[name]?.stated ?? field.unstated
            guard theirs != before else { continue }
            guard current[name] == before || current[name] == theirs else {
                merge.kept.append(name)
                continue
            }
            if current[name] != theirs { merge.changes[name] = theirs }
            merge.current[name] = theirs
            merge.base[name] = theirs
        }
        let name = ItemField.attributes.rawValue
        let attributes = try ImportMerge(
            base: base[name]?.objectValue ?? [:], current: current[name]?.objectValue ?? [:]
        )
        .merging(attributes: variant.attributes)
        merge.kept += attributes.kept.map { "\(name).\($0)" }
        if JSONValue.object(attributes.current) != current[name] {
            merge.changes[name] = .object(attributes.current)
            merge.current[name] = .object(attributes.current)
        }
        if attributes.base != base[name]?.objectValue ?? [:] { merge.base[name] = .object(attributes.base) }
        return merge
    }

    /// Of attributes: null is a blank cell. The merged attributes are within an item's bounds.
    func merging(attributes theirs: JSONObject) throws(InvalidFields) -> ImportMerge {
        var merge = self
        merge.merge(theirs)
        let name = ItemField.attributes.rawValue
        merge.current = try ItemAttributes.read(.object(merge.current), "/\(name)")
        return merge
    }

    private mutating func merge(_ theirs: JSONObject) {
        for (key, value) in theirs {
            if case .object(let members) = value {
                mergeMembers(members, of: key)
                continue
            }
            let value = value.stated
            guard value != base[key] else { continue }
            guard current[key] == base[key] || current[key] == value else {
                kept.append(key)
                continue
            }
            current[key] = value
            base[key] = value
        }
    }

    private mutating func mergeMembers(_ members: JSONObject, of key: String) {
        guard current[key] == nil || current[key]?.objectValue != nil else { return kept.append(key) }
        var inner = ImportMerge(base: base[key]?.objectValue ?? [:], current: current[key]?.objectValue ?? [:])
        inner.merge(members)
        kept += inner.kept.map { "\(key).\($0)" }
        if inner.current != current[key]?.objectValue ?? [:] {
            current[key] = inner.current.isEmpty ? Optional.none : .object(inner.current)
        }
        if inner.base != base[key]?.objectValue ?? [:] {
            base[key] = inner.base.isEmpty ? Optional.none : .object(inner.base)
        }
    }
}

extension JSONValue {
    /// nil for null. (A bare `nil` is a JSON null wherever a JSON value is expected.)
    fileprivate var stated: JSONValue? { self == .null ? Optional.none : self }
}

extension ItemField {
    /// The value an item has where a file said nothing.
    fileprivate var unstated: JSONValue {
        self == .condition ? .string(ItemCondition.ungraded.rawValue) : cleared
    }
}
