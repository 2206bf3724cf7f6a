"""How clients speak: each dialect reads its own requests and writes its own answers and errors.

Inside the gateway a conversation has one form, that of OpenAI's chat: guardrails, prices and lanes
know no other. A dialect translates at the edge, and one object of it follows one call.
"""
