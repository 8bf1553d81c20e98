import Yams

/// Why a text is not a read-switch file.
public struct ReadSwitchesError: Error, Equatable, Sendable, CustomStringConvertible {
    /// From 1; nil where the fault is of the whole.
    public var line: Int?
    public var column: Int?
    /// What is wrong. It may quote the file, and so name a tenant.
    public var problem: String

    /// Where it is, without what stands there: for those who may not read the file.
    public var place: String? {
        line.map { line in "line \(line)" + (column.map { ", column \($0)" } ?? "") }
    }

    public var description: String { (place.map { "\($0): " } ?? "") + problem }
}

extension ReadSwitches {
    /// The largest file that is read, in bytes.
    public static let mostBytes = 64 * 1024

    /// Reads a file's text:
    ///
    ///     default: projections
    ///     resources:
    ///       offers: shadow
    ///       contracts: { use: projections, percent: 25 }
    ///     tenants:
    ///       acme: { listings: tables }
    ///
    /// Nothing is ignored: a key, resource or value that is not known is an error. So is an empty file, which is more
    /// likely half written than meant.
    public static func parse(_ text: String) throws(ReadSwitchesError) -> ReadSwitches {
        guard text.utf8.count <= mostBytes else {
            throw ReadSwitchesError(problem: "the file has more than \(mostBytes) bytes")
        }
        guard let root = try document(text), root.tag != Tag(.null) else {
            throw ReadSwitchesError(problem: "the file is empty")
        }
        var switches = ReadSwitches()
        for (key, value) in try root.members("the file", known: ["default", "resources", "tenants"]) {
            switch key {
            case "default": switches.default = try value.rule()
            case "resources": switches.resources = try value.rules()
            default: switches.tenants = try value.tenants()
            }
        }
        return switches
    }

    private static func document(_ text: String) throws(ReadSwitchesError) -> Node? {
        do {
            return try compose(yaml: text)
        } catch let error as YamlError {
            throw ReadSwitchesError(error)
        } catch {
            throw ReadSwitchesError(problem: "not YAML")
        }
    }
}

extension ReadSwitchesError {
    fileprivate init(_ error: YamlError) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            self.init(line: mark.line, column: mark.column, problem: problem)
        case .duplicatedKeysInMapping(let duplicates, let context):
            self.init(
                line: context.mark.line, column: context.mark.column,
                problem: "a key is there twice: \(duplicates.joined(separator: ", "))")
        case .reader(let problem, _, _, _): self.init(problem: problem)
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded: self.init(problem: "not YAML")
        }
    }
}

extension Node {
    fileprivate func failure(_ problem: String) -> ReadSwitchesError {
        ReadSwitchesError(line: mark?.line, column: mark?.column, problem: problem)
    }

    /// A mapping's members by their names; `known` names those that may be there.
    fileprivate func members(
        _ what: String, known: [String]? = nil
    ) throws(ReadSwitchesError) -> [(key: String, value: Node)] {
        guard case .mapping(let mapping) = self else { throw failure("\(what) must be a mapping") }
        var members: [(key: String, value: Node)] = []
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else { throw key.failure("a key must be a word") }
            if let known, !known.contains(scalar.string) {
                throw key.failure("\"\(scalar.string)\" is none of \(known.joined(separator: ", "))")
            }
            members.append((scalar.string, value))
        }
        return members
    }

    fileprivate func tenants() throws(ReadSwitchesError) -> [String: [ReadResource: ReadRule]] {
        var tenants: [String: [ReadResource: ReadRule]] = [:]
        for (slug, value) in try members("tenants") {
            let isSlug = slug.utf8.allSatisfy { byte in
                (97...122).contains(byte) || (48...57).contains(byte) || byte == UInt8(ascii: "-")
            }
            guard isSlug, (1...40).contains(slug.utf8.count) else {
                throw value.failure("\"\(slug)\" is no tenant's slug")
            }
            tenants[slug] = try value.rules()
        }
        return tenants
    }

    fileprivate func rules() throws(ReadSwitchesError) -> [ReadResource: ReadRule] {
        var rules: [ReadResource: ReadRule] = [:]
        for (name, value) in try members("resources", known: ReadResource.allCases.map(\.rawValue)) {
            guard let resource = ReadResource(rawValue: name) else { continue }
            rules[resource] = try value.rule()
        }
        return rules
    }

    /// `tables`, or `{ use: tables, percent: 25 }`.
    fileprivate func rule() throws(ReadSwitchesError) -> ReadRule {
        guard case .mapping = self else { return ReadRule(try use()) }
        var use: ReadUse?
        var percent = 100
        for (key, value) in try members("a rule", known: ["use", "percent"]) {
            if key == "use" {
                use = try value.use()
            } else {
                guard case .scalar(let scalar) = value, let number = Int(scalar.string), (0...100).contains(number)
                else { throw value.failure("percent must be a whole number from 0 to 100") }
                percent = number
            }
        }
        guard let use else { throw failure("a rule must say what to use") }
        return ReadRule(use, percent: percent)
    }

    private func use() throws(ReadSwitchesError) -> ReadUse {
        let words = ReadUse.allCases.map(\.rawValue).joined(separator: ", ")
        guard case .scalar(let scalar) = self else { throw failure("must be one of \(words)") }
        guard let use = ReadUse(rawValue: scalar.string) else {
            throw failure("\"\(scalar.string)\" is none of \(words)")
        }
        return use
    }
}
