import Query
import Runtime

@main
struct Main {
    static func main() async {
        await ServiceProcess.run("query", requires: QueryService.requirements, defaultPort: 8080) {
            @Sendable environment in
            try await QueryService.parts(environment)
        }
    }
}
