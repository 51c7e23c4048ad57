import { showResume } from "./shelf/resume";

showResume(document);
