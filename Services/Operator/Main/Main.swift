import Foundation
import Operator

@main
struct Main {
    static func main() async {
        exit(await OperatorTool.run(Array(CommandLine.arguments.dropFirst())))
    }
}
