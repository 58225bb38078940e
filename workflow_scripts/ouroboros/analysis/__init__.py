"""What a finished MD run says about the potential that drove it; `trajectory.analyse` asks all the questions."""
