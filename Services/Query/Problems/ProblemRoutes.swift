import Edge
import HTTPTypes
import Hummingbird
import JSON

/// `GET /problems/{code}`: what a problem's `type` stands for; `GET /problems`: all of them. Open to everyone.
struct ProblemRoutes: Sendable {
    func add(to router: EdgeRouter) {
        router.get("/problems") { _, _ in
            var writer = JSONWriter()
            writer.object { writer in
                writer.key("data")
                writer.array { writer in
                    for code in Problem.Code.all { Self.write(code, to: &writer) }
                }
                writer.member("next", nil as String?)
            }
            return Self.answer(writer.bytes)
        }
        router.get("/problems/:code") { _, context in
            let wanted = try context.parameter("code")
            guard let code = Problem.Code.all.first(where: { $0.code == wanted }) else {
                throw Problem(.notFound, "there is no problem of this name")
            }
            var writer = JSONWriter()
            Self.write(code, to: &writer)
            return Self.answer(writer.bytes)
        }
    }

    private static func write(_ code: Problem.Code, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("type", code.type)
            writer.member("code", code.code)
            writer.member("title", code.title)
            writer.member("status", Int64(code.status))
            writer.member("explanation", code.explanation)
        }
    }

    private static func answer(_ bytes: [UInt8]) -> Response {
        Response.json(bytes, headers: [.cacheControl: "public, max-age=3600"])
    }
}
