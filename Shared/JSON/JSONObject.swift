/// The members of a JSON object, in their order; names are unique.
///
/// Look-up walks the members: objects here have a few dozen. Equality ignores the order, as JSON does, and as
/// `jsonb` forgets it.
public struct JSONObject: Equatable, Sendable, ExpressibleByDictionaryLiteral, Sequence {
    public typealias Member = (key: String, value: JSONValue)

    /// Above this many members a hash table pays for itself.
    static let linearLimit = 16

    public private(set) var members: [Member]

    public init() { members = [] }

    /// Of members with the same name the last one counts, at the place of the first.
    public init(_ pairs: some Sequence<(String, JSONValue)>) {
        self.init()
        var places: [String: Int] = [:]
        for (key, value) in pairs {
            if let place = places.updateValue(members.count, forKey: key) {
                places[key] = place
                members[place].value = value
            } else {
                members.append((key, value))
            }
        }
    }

    public init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }

    /// For the parser, which has seen to it that no name comes twice.
    init(unique members: [Member]) { self.members = members }

    public var count: Int { members.count }
    public var isEmpty: Bool { members.isEmpty }
    public var keys: [String] { members.map(\.key) }

    /// Setting a new name appends it, setting nil removes it, setting a known one keeps its place.
    public subscript(key: String) -> JSONValue? {
        get {
            for member in members where member.key == key { return member.value }
            return nil
        }
        set {
            let place = members.firstIndex { $0.key == key }
            switch (place, newValue) {
            case (let place?, let value?): members[place].value = value
            case (let place?, nil): members.remove(at: place)
            case (nil, let value?): members.append((key, value))
            case (nil, nil): break
            }
        }
    }

    public func makeIterator() -> IndexingIterator<[Member]> { members.makeIterator() }

    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        if left.members.elementsEqual(right.members, by: { $0.key == $1.key && $0.value == $1.value }) { return true }
        guard left.count > linearLimit else { return left.members.allSatisfy { right[$0.key] == $0.value } }
        let table = Dictionary(right.members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
        return left.members.allSatisfy { table[$0.key] == $0.value }
    }
}
