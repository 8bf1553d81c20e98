import JSON

extension Description {
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
