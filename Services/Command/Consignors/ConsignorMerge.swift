import JSON

/// What a file changes of a consignor: only what changed in the file since it came last, and never what was changed here
/// since (ADR 0013). Pure, and in the clear.
struct ConsignorMerge: Equatable {
    /// The new value of each field that the file changes.
    private(set) var changes: JSONObject = [:]
    /// What the file says now: the base of the next.
    private(set) var base: JSONObject
    /// Fields that the file has changed and that were changed here too: they stay as they are.
    private(set) var kept: [String] = []

    /// - Parameters:
    ///   - file: what it says, by field; null where it says that there is nothing.
    ///   - base: what it said the last time.
    ///   - current: what is known here.
    init(file: JSONObject, base: JSONObject, current: JSONObject) {
        self.base = base
        func value(_ name: String, in object: JSONObject) -> JSONValue {
            // A file that never spoke of store credit did not want it.
            object[name] ?? (name == "store_credit" ? false : .null)
        }
        for (name, said) in file {
            let before = value(name, in: base), now = value(name, in: current)
            if said.isNull { self.base[name] = nil } else { self.base[name] = said }
            guard said != before, said != now else { continue }
            if now == before { changes[name] = said } else { kept.append(name) }
        }
    }
}

extension JSONObject {
    /// With the members of another, which has none of these.
    func joined(with other: JSONObject) -> JSONObject {
        var joined = self
        for (name, value) in other { joined[name] = value }
        return joined
    }
}
