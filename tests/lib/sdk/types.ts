/* Requests, as the vendors' own libraries type them. */
import type { MessageCreateParams } from "@anthropic-ai/sdk/resources/messages/messages";
import type {
	Content,
	GenerationConfig,
	SafetySetting,
	Tool,
	ToolConfig,
} from "@google/genai";
import type { ChatCompletionCreateParams } from "openai/resources/chat/completions/completions";
import type { ResponseCreateParams } from "openai/resources/responses/responses";

export type Chat = ChatCompletionCreateParams;
export type Responses = ResponseCreateParams;
export type Claude = MessageCreateParams;

/* Google's library types the parts of a request alone. */
export interface Gemini {
	contents: Content[];
	systemInstruction?: Content;
	tools?: Tool[];
	toolConfig?: ToolConfig;
	safetySettings?: SafetySetting[];
	generationConfig?: GenerationConfig;
	cachedContent?: string;
}
