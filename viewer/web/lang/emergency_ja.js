// emergency_ja.js - the words of emergency access in Japanese.
export default {
    'emergency.title': '緊急閲覧',
    'emergency.text':
        '同意のない患者1名について、1病院の画像とレポートを、{hours}時間、あなただけに開きます。病院に直ちに通知され、すべての閲覧が事後に審査されます。',
    'emergency.hospital': '病院',
    'emergency.choose': '病院を選択',
    'emergency.number': 'その病院の患者番号',
    'emergency.or': '番号が分からないとき',
    'emergency.kana': 'かな氏名',
    'emergency.birth': '生年月日',
    'emergency.reason': '理由（病院に通知されます）',
    'emergency.send': '緊急閲覧を開始',
    'emergency.cancel': 'やめる',
    'emergency.reasonShort': '理由を{n}文字以上で入力してください。',
    'emergency.who': 'その病院の患者番号、またはかな氏名と生年月日を入力してください。',
    'emergency.notFound': 'この病院に該当する患者はいません。',
    'emergency.fault': '受け付けられませんでした。入力内容をご確認ください。',
};
