import Foundation
import JSON
import Testing

@testable import Edge

@Suite struct QueryParametersTests {
    private enum Sort: String, CaseIterable { case price, newest = "-published_at" }

    private func errors(_ query: String, _ read: (inout QueryParameters) -> Void) -> [String] {
        var parameters = QueryParameters(query: query)
        read(&parameters)
        do throws(Problem) {
            try parameters.finish()
            return []
        } catch {
            #expect(error.code == .invalidParameter)
            return error.errors.map { "\($0.pointer) \($0.code)" }
        }
    }

    @Test func `parameters are read by their types`() throws {
        let id = UUID()
        var parameters = QueryParameters(
            query:
                "q=%C5%BBakiet+z+we%C5%82ny&limit=200&sort=-published_at&follow=true&price_min=-5&trace=\(id)&status=sold"
        )
        let q = parameters.text("q")
        let limit = parameters.limit()
        let sort = parameters.choice("sort", Sort.self)
        let follow = parameters.flag("follow")
        let price = parameters.integer("price_min", in: -10...10)
        let trace = parameters.uuid("trace")
        let status = parameters.choice("status", ["sold", "listed"])
        try parameters.finish()

        #expect(q == "Żakiet z wełny")
        #expect(limit == 200)
        #expect(sort == .newest)
        #expect(follow)
        #expect(price == -5)
        #expect(trace == id)
        #expect(status == "sold")
    }

    @Test func `what is not given has its default`() throws {
        var parameters = QueryParameters(query: "")
        let limit = parameters.limit()
        let text = parameters.text("q")
        let follow = parameters.flag("follow")
        let sort = parameters.choice("sort", Sort.self)
        try parameters.finish()

        #expect(limit == 50)
        #expect(text == nil)
        #expect(!follow)
        #expect(sort == nil)
    }

    @Test func `everything that is wrong is told at once`() {
        let errors = errors("limit=0&sort=x&follow=1&price=1.5&id=item_x&x=1&x=2&y=%FF&unknown=1&z") { parameters in
            _ = parameters.limit()
            _ = parameters.choice("sort", Sort.self)
            _ = parameters.flag("follow")
            _ = parameters.integer("price", in: 0...10)
            _ = parameters.id("id", prefix: "item")
            _ = parameters.text("x")
            _ = parameters.text("y")
        }

        #expect(
            errors == [
                "/x repeated", "/y malformed", "/limit out_of_range", "/sort invalid", "/follow invalid",
                "/price wrong_type", "/id invalid", "/unknown unknown_parameter", "/z unknown_parameter",
            ])
    }

    @Test(arguments: ["0", "201", "-1", "x", "1.0", "+5", "99999999999999999999", "", "1e2"])
    func `a limit is an integer from 1 to 200`(limit: String) {
        #expect(errors("limit=\(limit)") { _ = $0.limit() }.count == 1)
    }

    @Test func `a text is bounded and free of U+0000`() {
        #expect(errors("q=\(String(repeating: "a", count: 501))") { _ = $0.text("q") } == ["/q too_long"])
        #expect(errors("q=a%00b") { _ = $0.text("q") } == ["/q malformed"])
        #expect(errors("q=%2") { _ = $0.text("q") } == ["/q malformed"])
        #expect(errors("q=") { _ = $0.text("q") } == [])
    }

    @Test func `a caller can add what it finds itself`() {
        #expect(errors("") { $0.fail("cursor", "invalid", "is not ours") } == ["/cursor invalid"])
    }

    @Test func `an unknown parameter's name is escaped in its pointer`() {
        #expect(errors("a/b~c=1") { _ in } == ["/a~1b~0c unknown_parameter"])
    }
}
