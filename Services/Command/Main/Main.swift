import Command
import Runtime

@main
struct Main {
    static func main() async {
        await ServiceProcess.run("command", requires: CommandService.requirements, defaultPort: 8081) { environment in
            try await CommandService.parts(environment)
        }
    }
}
