import JSON
import Photos

extension Description {
    /// A list that also comes as a CSV file.
    static func file(_ operation: JSONValue) -> JSONValue {
        let file: JSONValue = [
            "schema": [
                "type": "string",
                "description": .string(
                    """
                    With `Accept: text/csv`: the whole list as a file, or as many lines as `limit` says. Texts that would be \
                    taken for a formula begin with an apostrophe.
                    """),
            ]
        ]
        return operation.adding(file, named: "text/csv", under: ["get", "responses", "200", "content"])
    }

    /// What is answered as SVG and nothing else.
    static func drawing(_ operation: JSONValue) -> JSONValue {
        operation.setting(
            ["image/svg+xml": ["schema": ["type": "string"]]], under: ["get", "responses", "200", "content"])
    }

    /// What is answered as a picture of one of these types.
    static func picture(_ operation: JSONValue) -> JSONValue {
        let content = PhotoType.allCases.map { ($0.media, ["schema": ["type": "string"]] as JSONValue) }
        return operation.setting(.object(JSONObject(content)), under: ["get", "responses", "200", "content"])
    }

    /// An operation that also answers with a stream of server-sent events.
    static func followed(_ operation: JSONValue) -> JSONValue {
        let stream: JSONValue = [
            "schema": [
                "type": "string",
                "description": .string(
                    """
                    With `follow=true`: server-sent events, `id` the position, `event` the type, `data` an Event on one \
                    line. Ends after at most 15 minutes; come back with Last-Event-ID.
                    """),
            ]
        ]
        return operation.adding(stream, named: "text/event-stream", under: ["get", "responses", "200", "content"])
    }
}

extension JSONValue {
    /// With another value where a path of names leads.
    fileprivate func setting(_ value: JSONValue, under path: ArraySlice<String>) -> JSONValue {
        guard let first = path.first else { return value }
        var object = objectValue ?? [:]
        object[first] = (object[first] ?? [:]).setting(value, under: path.dropFirst())
        return .object(object)
    }

    /// With another member in the object that a path of names leads to.
    fileprivate func adding(_ member: JSONValue, named name: String, under path: ArraySlice<String>) -> JSONValue {
        var object = objectValue ?? [:]
        if let first = path.first {
            object[first] = (object[first] ?? [:]).adding(member, named: name, under: path.dropFirst())
        } else {
            object[name] = member
        }
        return .object(object)
    }
}
