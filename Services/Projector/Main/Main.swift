import Projector
import Runtime

@main
struct Main {
    static func main() async {
        await ServiceProcess.run("projector", requires: .database, defaultPort: 8082) { @Sendable environment in
            try ProjectorService.parts(environment)
        }
    }
}
